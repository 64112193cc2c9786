"""The page that raters see: welcome, one pair a screen, thanks. Needs gradio."""

from functools import partial
from html import escape
from pathlib import PurePath
from typing import Any

import gradio as gr

from signtok.app.ratings import Experience, Handedness
from signtok.app.sitting import Sitting, rate, sit_down
from signtok.app.study import Study

LABELS = ("Bad", "Poor", "Fair", "Good", "Excellent")
"""Of the ratings 1 to 5: the absolute category rating of ITU-T P.910."""
EXPERIENCE: list[tuple[str, Experience]] = [
    ("Native signer", "native"),
    ("Fluent", "fluent"),
    ("Learner", "learner"),
    ("None", "none"),
    ("Prefer not to say", "unsaid"),
]
HANDS: list[tuple[str, Handedness]] = [
    ("Right", "right"),
    ("Left", "left"),
    ("Both", "both"),
    ("Prefer not to say", "unsaid"),
]


def study_page(study: Study) -> gr.Blocks:
    """The page of a study; its stimuli are expected at the address stimuli/."""
    with gr.Blocks(title=study.plan.title, analytics_enabled=False) as page:
        sitting = gr.State(None)
        with gr.Column() as welcome:
            gr.HTML(welcome_html(study))
            code = gr.Textbox(
                label="Your code",
                info="Letters, digits, - and _. The same code again goes on where you stopped.",
                max_length=40,
                elem_id="code",
            )
            experience = gr.Radio(EXPERIENCE, value=None, label="How well do you sign?", elem_id="experience")
            hands = gr.Radio(HANDS, value="unsaid", label="Which hand do you sign with? (optional)")
            start = gr.Button("Start", variant="primary", elem_id="start")
        with gr.Column(visible=False) as trial:
            pair = gr.HTML()
            with gr.Row(elem_id="scale"):
                scale = [gr.Button(f"{n} {label}", elem_id=f"rate-{n}") for n, label in enumerate(LABELS, 1)]
            comment = gr.Textbox(label="Comment (optional, before you rate)", max_length=1000, elem_id="comment")
        thanks = gr.HTML(visible=False)
        notice = gr.HTML()
        shown = [sitting, welcome, trial, pair, comment, thanks, notice]
        _on(start.click, partial(_start, study), [code, experience, hands], shown)
        _on(code.submit, partial(_start, study), [code, experience, hands], shown)
        for value, button in enumerate(scale, 1):
            _on(button.click, partial(_rate, study, value), [sitting, comment], shown)
    return page


def _on(event: Any, function: partial, inputs: list[Any], outputs: list[Any]) -> None:
    """One at a time, so that two quick clicks cannot rate one pair twice."""
    event(function, inputs, outputs, show_progress="hidden", concurrency_id="one", api_visibility="private")


def _start(study: Study, code: str, experience: Experience | None, hands: Handedness) -> list[Any]:
    if experience is None:
        return _stay("Please say how well you sign, or that you prefer not to say.")
    try:
        return _show(study, sit_down(study, code.strip(), experience, hands))
    except (ValueError, OSError) as error:
        return _stay(str(error))


def _rate(study: Study, value: int, sitting: Sitting | None, comment: str) -> list[Any]:
    if sitting is None:
        return _stay("The study was started anew: reload this page and enter your code again. Nothing is lost.")
    try:
        return _show(study, rate(study, sitting, value, comment))
    except (ValueError, OSError) as error:
        return _stay(f"This rating was not saved: {error}. Please rate once more, or tell who runs the study.")


def _show(study: Study, sitting: Sitting) -> list[Any]:
    """What the components of the page become, in the order of `shown`."""
    going_on = sitting.trial is not None
    return [
        sitting,
        gr.update(visible=False),
        gr.update(visible=going_on),
        pair_html(study, sitting),
        "",
        gr.update(visible=not going_on, value=thanks_html(sitting)),
        "",
    ]


def _stay(message: str) -> list[Any]:
    return [gr.skip()] * 6 + [f'<div class="notice" role="alert">{escape(message)}</div>']


def welcome_html(study: Study) -> str:
    return f"""<div class="study"><h1>{escape(study.plan.title)}</h1>
<p>You will see pairs: on the left an original, on the right what a computer made of it. {escape(study.plan.question)}
Rate it from 1 (bad) to 5 (excellent), with the buttons or the keys <kbd>1</kbd> to <kbd>5</kbd>.</p>
<p>There are no right answers, and some pairs come twice. Every rating is saved at once: you can stop at any time.</p>
</div>"""


def pair_html(study: Study, sitting: Sitting) -> str:
    """Progress, original and stimulus at equal size, and the question; empty at the end."""
    if sitting.trial is None:
        return ""
    return f"""<div class="progress"><span>{sitting.saved + 1} of {sitting.total}</span>
<progress value="{sitting.saved}" max="{sitting.total}"></progress></div>
<div class="pair"><figure><figcaption>Original</figcaption>{_file_html(sitting.trial.original)}</figure>
<figure><figcaption>Reconstruction</figcaption>{_file_html(sitting.trial.stimulus)}</figure></div>
<div class="question">{escape(study.plan.question)}</div>"""


def _file_html(name: str) -> str:
    if PurePath(name).suffix == ".mp4":
        return f'<video src="stimuli/{name}" autoplay loop muted playsinline></video>'
    return f'<img src="stimuli/{name}" alt="">'


def thanks_html(sitting: Sitting) -> str:
    return f"""<div class="study"><h1>Thank you!</h1>
<p>All {sitting.total} ratings are saved, under the code {escape(sitting.rater)}. You can close this page.</p></div>"""

"""Serves a rating study on this machine, or to a network where that is asked for."""

import os
import socket
from importlib.resources import files
from typing import TYPE_CHECKING

from signtok.app.study import Study, open_study

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve_study(folder: str | os.PathLike[str], port: int = 7860, host: str = "127.0.0.1") -> None:
    """Serves the study until it is interrupted. Port 0 takes a free one; the address is printed.

    Nothing is loaded from anywhere else, and nothing is sent there. Raises ValueError where gradio is not installed,
    the study is damaged, or the port is taken.
    """
    study = open_study(folder)
    app = study_app(study)
    import uvicorn  # comes with gradio

    with _listen(host, port) as listening:
        print(f"{study.plan.title}: http://{host}:{listening.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def study_app(study: Study) -> "FastAPI":
    """The page, and its stimuli beside it; no other file of this machine can be asked for."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
        from fastapi import FastAPI
        from fastapi.staticfiles import StaticFiles

        from signtok.app.page import study_page
    except ImportError:
        raise ValueError("serving a study needs gradio: pip install 'signtok[app]'") from None
    app = FastAPI(openapi_url=None)
    app.mount("/stimuli", StaticFiles(directory=study.stimuli))
    return gradio.mount_gradio_app(
        app,
        study_page(study),
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        max_file_size="1kb",
        theme=gradio.themes.Base(primary_hue="teal", font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=_part("css"),
        head=f"<script>{_part('js')}</script>",
    )


def _part(suffix: str) -> str:
    return files("signtok").joinpath("page", f"study.{suffix}").read_text(encoding="utf-8")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen at {host}:{port} ({error}): choose another --port or --host") from None

"""Imports go one way (docs/design.md), nothing pickled is loaded, nothing broken on a CPU is imported."""

import ast
from functools import cache
from pathlib import Path

import pytest

import signtok

ROOT = Path(signtok.__file__).parent
ROOMS = (
    {"config", "atomic", "threads", "terminal"},
    {"data", "draw", "film", "svg"},  # drawing stands beside the data: `data inspect` draws a contact sheet
    {"nn", "flow"},
    {"tokenizer"},
    {"tokens"},
    {"downstream"},
    {"build"},
    {"training"},
    {"hub"},
    {"evaluation"},
    {"recipes", "report"},
    {"convert", "convert_pictures"},
    {"demo", "demo_pictures", "app", "scale"},
    {"cli", "cli_data", "cli_study", "__init__"},
)
"""A module may import from its own room, from those that share its line and from the lines above."""
PLACE = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}
BANNED = {"torchvision", "torchaudio", "pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MODULES = sorted(ROOT.rglob("*.py"))
modules = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """data/batch.py is data.batch, data/__init__.py is data, __init__.py is __init__."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(path: Path, nodes=None) -> set[str]:
    """Full names of what is imported, wherever in the file."""
    found = set()
    for node in ast.walk(tree(path)) if nodes is None else nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where things are from"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def own_imports(path: Path) -> set[str]:
    """The modules of signtok that it imports: `from signtok.data import batch` is data.batch."""
    named = {name.removeprefix("signtok.") for name in imports(path) if name.startswith("signtok.")}
    return named & NAMES


@modules
def test_imports_go_one_way(path):
    here = name_of(path).split(".")[0]
    there = {name: PLACE[name.split(".")[0]] for name in own_imports(path)}
    wrong = sorted(name for name, place in there.items() if place > PLACE[here])
    assert not wrong, f"{name_of(path)} imports {', '.join(wrong)}: that way round is not allowed"


def test_every_room_has_its_place():
    assert {name.split(".")[0] for name in NAMES} <= PLACE.keys()


def test_no_circles():
    """Of single modules, rooms that share a line included."""
    graph = {name_of(path): own_imports(path) - {name_of(path)} for path in MODULES}
    done: set[str] = set()
    while ready := {name for name in graph.keys() - done if graph[name] <= done}:
        done |= ready
    assert done == graph.keys(), f"in a circle, or behind one: {sorted(graph.keys() - done)}"


@modules
def test_nothing_pickled_and_nothing_broken(path):
    assert not BANNED & {name.split(".")[0] for name in imports(path)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("torch.load", "torch.save", "torch.jit.load", "np.fromfile")
        if isinstance(node, ast.Call):
            pickles = {k.arg: ast.unparse(k.value) for k in node.keywords}.get("allow_pickle", "False")
            assert pickles == "False"
            if ast.unparse(node.func) == "np.load":
                assert "allow_pickle" in {keyword.arg for keyword in node.keywords}


LIGHT = ["config/landmarks.py", "config/pictures.py", "cli.py", "__init__.py", "recipes/choices.py", "recipes/image.py"]


@pytest.mark.parametrize("name", [*LIGHT, "recipes/pose.py"])
def test_what_help_needs_is_light(name):
    """At the top of the file: standard library, pydantic, tyro."""
    top = [node for node in tree(ROOT / name).body if isinstance(node, ast.Import | ast.ImportFrom)]
    heavy = {"torch", "numpy", "pyarrow", "PIL", "einops", "accelerate", "safetensors", "huggingface_hub", "tqdm"}
    assert not heavy & {found.split(".")[0] for found in imports(ROOT / name, top)}


@modules
def test_one_screen_a_function_and_no_endless_file(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name} is longer than a screen"


def test_the_test_finds_what_it_is_for():
    """A wrong import planted in a tree of its own."""
    planted = ast.parse("def f():\n    from signtok.tokenizer import model\n    import pickle as p")
    found = imports(Path("planted"), ast.walk(planted))
    assert "signtok.tokenizer.model" in found
    assert "pickle" in found
    assert PLACE["tokenizer"] > PLACE["data"]

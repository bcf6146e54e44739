"""The wheel holds all that runs and works from any folder; the top level stays the agreed one."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ops
from supernet.search.tabular import FILE

ROOT = Path(__file__).parents[1]
FOLDERS = {"supernet", "ops", "conf", "tests", "benchmarks", ".ci"}
FILES = {"pyproject.toml", "README.md", "train.py", "derive.py", "Makefile", "CHANGELOG.md", "LICENSE"}
TOP_LEVEL = FOLDERS | FILES | {"constraints.txt", ".gitignore"}


def run(*command, cwd, **environment):
    """The standard output of a command that must succeed; its error output is shown where it does not."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the installed wheel alone; what it depends on comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder]
    run(*pip, wheel, cwd=folder)
    return folder


def test_the_wheel_holds_packages_and_config_tree_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    python = {
        str(p.relative_to(ROOT)) for package in ("ops", "supernet") for p in ROOT.glob(f"{package}/**/*.py")
    }
    config = {f"supernet/{p.relative_to(ROOT)}" for p in ROOT.glob("conf/**/*.yaml")}
    assert {"supernet/conf/train.yaml", "supernet/conf/derive.yaml"} <= config
    assert python | config <= names
    assert str(FILE.relative_to(ROOT)) in names, "the tabular benchmark comes with the package"
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ops", "supernet"}


@pytest.mark.parametrize("command", ["train", "derive"])
def test_commands_of_an_installed_wheel_run_from_any_folder(command, installed, tmp_path):
    script = installed / "bin" / f"supernet-{command}"
    # Hydra reads the whole config tree to print its help.
    text = run(sys.executable, script, "--help", cwd=tmp_path, PYTHONPATH=str(installed))
    assert f"{command}.py" in text
    assert "ml-100k" in text or command == "derive"
    assert list(tmp_path.iterdir()) == []


def test_the_installed_packages_are_ours(installed, tmp_path):
    """PyPI has other distributions whose import name is `ops`."""
    code = "import ops, supernet; print(ops.__file__, supernet.__file__, sep='\\n')"
    found = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).split()
    assert found == [str(installed / name / "__init__.py") for name in ("ops", "supernet")]


def test_the_ops_that_tests_load_is_ours():
    assert Path(ops.__file__) == ROOT / "ops" / "__init__.py"


def test_the_top_level_is_the_agreed_one():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in run("git", "ls-files", cwd=ROOT).splitlines()}
    assert names <= TOP_LEVEL

"""Compiled templates that outlive their process: what is read is what this source, Jinja and these options make."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment, FileSystemLoader
from jinja2.bccache import Bucket

from newsletter.core import compiled_templates
from newsletter.core.compiled_templates import FOLDER, CompiledTemplates

KEY = "a key that is only for tests"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is compiled."""
    monkeypatch.setattr(compiled_templates, "_place", None)
    compiled_templates.keep_in(tmp_path, KEY)
    return tmp_path / FOLDER


def rendered(source: str, **options: Any) -> str:
    """What a process makes of a page that it has not seen yet."""
    environment = Environment(loader=DictLoader({"page.html": source}), bytecode_cache=CompiledTemplates(), **options)
    return environment.get_template("page.html").render(name="<Ada>")


def refuse(*_: object) -> None:
    raise AssertionError("a template was compiled again")


def test_the_next_process_compiles_nothing(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("Hello {{ name }}") == "Hello <Ada>"
    monkeypatch.setattr(Environment, "compile", refuse)
    assert rendered("Hello {{ name }}") == "Hello <Ada>"
    with pytest.raises(AssertionError):
        rendered("Hello {{ name }}!")


def test_a_changed_template_takes_the_place_of_the_old_one(kept: Path) -> None:
    assert rendered("Hello {{ name }}") == "Hello <Ada>"
    assert rendered("Goodbye {{ name }}") == "Goodbye <Ada>"
    assert len(list(kept.iterdir())) == 1


def test_the_options_of_an_environment_count(kept: Path) -> None:
    source = "{% if name %}\n{{ name }}{{ '<' }}\n{% endif %}\n"
    assert rendered(source) == "\n<Ada><\n"
    assert rendered(source, trim_blocks=True) == "<Ada><\n"
    assert rendered(source, autoescape=True) == "\n&lt;Ada&gt;&lt;\n"
    assert rendered(source, trim_blocks=True, keep_trailing_newline=True) == "<Ada><\n"


def test_environments_that_share_a_template_do_not_take_it_from_each_other(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [rendered("{{ name }}", autoescape=escapes) for escapes in (True, False)] == ["&lt;Ada&gt;", "<Ada>"]
    monkeypatch.setattr(Environment, "compile", refuse)
    assert [rendered("{{ name }}", autoescape=escapes) for escapes in (True, False)] == ["&lt;Ada&gt;", "<Ada>"]


def test_another_version_of_jinja_compiles_anew(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered("Hello {{ name }}")
    monkeypatch.setattr("jinja2.__version__", "99")
    monkeypatch.setattr(Environment, "compile", refuse)
    with pytest.raises(AssertionError):
        rendered("Hello {{ name }}")


@given(st.data())
def test_damaged_files_are_compiled_again(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiled_templates, "_place", None)
        folder = tmp_path_factory.mktemp("kept")
        compiled_templates.keep_in(folder, KEY)
        rendered("Hello {{ name }}")
        (file,) = (folder / FOLDER).iterdir()
        content = bytearray(file.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            del content[place:]
        else:
            content[place] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
        assert rendered("Hello {{ name }}") == "Hello <Ada>"
        assert file.read_bytes() != content, "the damaged file stays"


def test_code_that_was_written_without_the_key_is_not_run(kept: Path, tmp_path: Path) -> None:
    """Somebody who can make this service write a file of their own choice cannot make it run it."""
    compiled_templates.keep_in(tmp_path, "another key")
    rendered("Hello {{ name }}")
    (file,) = kept.iterdir()
    forged = file.read_bytes()
    compiled_templates.keep_in(tmp_path, KEY)
    rendered("Hello {{ name }}")
    own = file.read_bytes()
    assert own != forged
    file.write_bytes(forged)
    rendered("Hello {{ name }}")
    assert file.read_bytes() == own, "the forged file was taken"


def test_the_code_of_one_page_is_not_run_for_another(kept: Path) -> None:
    rendered("Hello {{ name }}")
    (file,) = kept.iterdir()
    other = file.with_name("0" * 40)
    other.write_bytes(file.read_bytes())
    environment, found = Environment(), CompiledTemplates()
    own = found.get_bucket(environment, "page.html", None, "Hello {{ name }}")
    assert own.code is not None
    bucket = Bucket(environment, other.name, own.checksum)
    found.load_bytecode(bucket)
    assert bucket.code is None


def test_code_that_another_user_wrote_is_not_run(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered("Hello {{ name }}")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(Environment, "compile", refuse)
    with pytest.raises(AssertionError):
        rendered("Hello {{ name }}")


def test_without_a_place_to_write_pages_are_shown_all_the_same(kept: Path) -> None:
    kept.write_text("a file where the folder would be")
    assert rendered("Hello {{ name }}") == "Hello <Ada>"


def test_only_its_own_user_may_read_or_change_it(kept: Path) -> None:
    rendered("Hello {{ name }}")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (kept, *kept.iterdir())]
    assert modes == [0o700, 0o600]


def test_nothing_is_kept_before_somebody_says_where(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_templates, "_place", None)
    assert rendered("Hello {{ name }}") == "Hello <Ada>"
    assert not kept.exists()


def test_templates_of_one_name_in_two_folders_are_two(kept: Path, tmp_path: Path) -> None:
    found = []
    for word in ("one", "two"):
        folder = tmp_path / word
        folder.mkdir()
        (folder / "page.html").write_text(word)
        environment = Environment(loader=FileSystemLoader(folder), bytecode_cache=CompiledTemplates())
        found.append(environment.get_template("page.html").render())
    assert found == ["one", "two"]
    assert len(list(kept.iterdir())) == 2

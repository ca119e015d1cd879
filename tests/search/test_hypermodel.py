"""The user's file: loaded by path, its faults named, its code told from its words."""

import pytest

from emotune.errors import EmotuneError, InputError
from emotune.files import fingerprint_of_file
from emotune.models.problem import Problem
from emotune.search.hypermodel import build, fingerprint_of_source, known_good, load_hypermodel
from emotune.search.space import Defaults, Replay

PROBLEM = Problem((167,), 3)

SOURCE = """
class EmotionHyperModel:
    def __init__(self, problem):
        self.problem = problem

    def build_model(self, hp):
        return ("model", self.problem.n_classes, hp.Int("units", 4, 8))

    def fit_arguments(self, hp):
        return {"batch_size": hp.Choice("batch_size", [16, 32])}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hyperparameter_tuner.py"
    path.write_text(SOURCE)
    return path


class TestLoading:
    def test_the_class_is_made_for_the_problem(self, file):
        model, arguments = build(load_hypermodel(file, PROBLEM), Defaults())
        assert model == ("model", 3, 4)
        assert arguments == {"batch_size": 16}

    def test_fit_arguments_may_be_left_out(self, file):
        file.write_text(SOURCE.partition("    def fit_arguments")[0])
        assert build(load_hypermodel(file, PROBLEM), Defaults()) == (("model", 3, 4), {})

    def test_an_edit_of_equal_length_in_the_same_second_is_seen(self, file):
        load_hypermodel(file, PROBLEM)
        file.write_text(SOURCE.replace('"units", 4, 8', '"units", 5, 8'))
        assert build(load_hypermodel(file, PROBLEM), Defaults())[0] == ("model", 3, 5)
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("class EmotionHyperModel(:\n", "cannot be run: SyntaxError"),
            ("import a_module_that_is_nowhere\n", "cannot be run: ModuleNotFoundError: No module named 'a_module_that"),
            ("raise RuntimeError('no GPU')\n", "cannot be run: RuntimeError: no GPU. Mend the file"),
            ("raise SystemExit(3)\n", "cannot be run: SystemExit: 3"),
            ("class OtherModel:\n    def build_model(self, hp): ...\n", "Expected a class EmotionHyperModel"),
            ("class EmotionHyperModel:\n    pass\n", r"with `build_model\(self, hp\)`"),
            ("class EmotionHyperModel:\n    build_model = 3\n", r"with `build_model\(self, hp\)`"),
            ("class EmotionHyperModel:\n    def build_model(self, hp): ...\n", "cannot be run: TypeError"),
            (SOURCE.replace("self.problem = problem", "problem.layout.channels"), "cannot be run: AttributeError"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_named_with_the_reason(self, file, source, message):
        file.write_text(source)
        with pytest.raises(InputError, match=message) as raised:
            load_hypermodel(file, PROBLEM)
        assert str(file) in str(raised.value)

    @pytest.mark.parametrize("path", ["nowhere.py", "."])
    def test_a_file_that_is_not_there(self, tmp_path, path):
        with pytest.raises(InputError, match="Expected a Python file with the class EmotionHyperModel at .* none"):
            load_hypermodel(tmp_path / path, PROBLEM)

    def test_content_that_was_not_expected_is_refused(self, file):
        expected = fingerprint_of_file(file)
        load_hypermodel(file, PROBLEM, expected=expected)
        file.write_text(SOURCE + "\n")
        with pytest.raises(EmotuneError, match="was changed while the search ran. Run the same command again"):
            load_hypermodel(file, PROBLEM, expected=expected)


class TestBuilding:
    def test_strictly_a_name_that_nobody_asks_for_is_refused(self, file):
        with pytest.raises(InputError, match="does not know the hyperparameter colour. It asks for: units, batch_size"):
            build(load_hypermodel(file, PROBLEM), Replay({"units": 4, "batch_size": 16, "colour": "red"}))

    def test_the_user_s_own_values_may_hold_more(self, file):
        hp = Replay({"units": 4, "batch_size": 16, "colour": "red"}, strict=False)
        build(load_hypermodel(file, PROBLEM), hp)
        assert hp.unused == ("colour",)


class TestTheFingerprint:
    @pytest.mark.parametrize(
        "same",
        [
            "# A comment.\n" + SOURCE,
            '"""What the file is for."""\n' + SOURCE,
            SOURCE.replace(
                "    def build_model(self, hp):", '    def build_model(self, hp):\n        """The model."""'
            ),
            SOURCE.replace("class EmotionHyperModel:", 'class EmotionHyperModel:\n    """The space."""\n'),
            SOURCE.replace("    ", "  "),
            SOURCE.replace("\n", "\r\n"),
            SOURCE.replace('"units", 4, 8', "'units',\n            4,\n            8,\n"),
            SOURCE.replace("= problem", "= problem  # what it is for"),
            "\ufeff" + SOURCE,
        ],
        ids=[
            "comment",
            "module",
            "method",
            "class",
            "indent",
            "line ends",
            "layout",
            "line comment",
            "byte order mark",
        ],
    )
    def test_stays_with_comments_docstrings_and_layout(self, file, same):
        before = fingerprint_of_source(file)
        file.write_bytes(same.encode())
        assert fingerprint_of_source(file) == before

    @pytest.mark.parametrize(
        "other",
        [
            SOURCE.replace("4, 8", "4, 16"),
            SOURCE.replace('"units"', '"n_units"'),
            SOURCE.replace("[16, 32]", "[32, 16]"),
            SOURCE + "\nSIZE = 3\n",
            SOURCE.replace('("model", ', '("net", '),
        ],
    )
    def test_changes_with_the_code(self, file, other):
        before = fingerprint_of_source(file)
        file.write_text(other)
        assert fingerprint_of_source(file) != before

    def test_changes_with_the_users_own_modules(self, file, tmp_path):
        file.write_text("import numpy, blocks\n" + SOURCE)
        (tmp_path / "blocks.py").write_text("from layers.inner import SIZE  # mine\nimport blocks\n")
        (tmp_path / "layers").mkdir()
        (tmp_path / "layers" / "__init__.py").write_text("")
        (tmp_path / "layers" / "inner.py").write_text("SIZE = 3\n")
        (tmp_path / "unused.py").write_text("SIZE = 3\n")
        before = fingerprint_of_source(file, modules=tmp_path)
        (tmp_path / "unused.py").write_text("SIZE = 4\n")
        (tmp_path / "blocks.py").write_text("from layers.inner import SIZE\nimport blocks\n")
        assert fingerprint_of_source(file, modules=tmp_path) == before
        (tmp_path / "layers" / "inner.py").write_text("SIZE = 4\n")
        changed = fingerprint_of_source(file, modules=tmp_path)
        assert changed != before
        (tmp_path / "blocks.py").write_text("import blocks\nSIZE = 4\n")
        assert fingerprint_of_source(file, modules=tmp_path) not in (before, changed)

    def test_changes_with_what_is_known_to_be_good(self, file):
        before = fingerprint_of_source(file)
        file.write_text(SOURCE.replace("    def __init__", '    known_good = [{"units": 6}]\n\n    def __init__'))
        assert fingerprint_of_source(file) != before

    def test_changes_with_a_package_that_has_no_init(self, file, tmp_path):
        file.write_text("from blocks.attention import HEADS\n" + SOURCE)
        (tmp_path / "blocks").mkdir()
        (tmp_path / "blocks" / "attention.py").write_text("HEADS = 2\n")
        before = fingerprint_of_source(file, modules=tmp_path)
        (tmp_path / "blocks" / "attention.py").write_text("HEADS = 8\n")
        assert fingerprint_of_source(file, modules=tmp_path) != before

    def test_takes_a_module_before_a_folder_of_its_name(self, file, tmp_path):
        file.write_text("import tables\n" + SOURCE)
        (tmp_path / "tables.py").write_text("SIZE = 3\n")
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables" / "notes.py").write_text("SIZE = 3\n")
        before = fingerprint_of_source(file, modules=tmp_path)
        (tmp_path / "tables" / "notes.py").write_text("SIZE = 4\n")
        assert fingerprint_of_source(file, modules=tmp_path) == before
        (tmp_path / "tables.py").write_text("SIZE = 4\n")
        assert fingerprint_of_source(file, modules=tmp_path) != before

    def test_is_the_same_in_every_version_of_python(self, file):
        file.write_text(
            "def f(n, /, *, a: int = 1) -> str:\n    return f\"units_{'x' if n else 'y'}_{a!r:>3}\" or u'b'\n"
        )
        assert fingerprint_of_source(file) == "3e238da58d339e2d"

    def test_of_a_module_that_is_not_python_is_refused(self, file, tmp_path):
        file.write_text("import blocks\n" + SOURCE)
        (tmp_path / "blocks.py").write_text("def f(:\n")
        with pytest.raises(InputError, match=r"blocks.py is not Python"):
            fingerprint_of_source(file, modules=tmp_path)

    def test_of_a_body_that_is_only_words_stays_when_they_change(self, file):
        file.write_text('def f():\n    """One."""\n')
        before = fingerprint_of_source(file)
        file.write_text('def f():\n    """Two."""\n')
        assert fingerprint_of_source(file) == before

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"def f(:\n", "is not Python: invalid syntax"),
            (b"\xff\xfe\x00", "is not Python"),
            (b"x = 1\x00", "is not Python"),
        ],
    )
    def test_of_what_is_not_python_is_refused(self, file, content, message):
        file.write_bytes(content)
        with pytest.raises(InputError, match=message) as raised:
            fingerprint_of_source(file)
        assert str(file) in str(raised.value)

    def test_of_nothing_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="but there is none"):
            fingerprint_of_source(tmp_path / "nowhere.py")
        with pytest.raises(InputError, match="is not Python"):
            fingerprint_of_source(tmp_path)


class TestKnownGood:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("pass", ()),
            ("known_good = []", ()),
            ('known_good = [{"units": 6}, {"rate": 0.5, "batch_norm": True, "kind": "a"}]', None),
            ('known_good: list = ({"units": 6},)', ({"units": 6},)),
        ],
    )
    def test_is_read_from_the_class_without_running_it(self, file, line, expected):
        file.write_text(
            f"raise SystemExit\n{SOURCE.replace('    def __init__', f'    {line}{chr(10)}    def __init__')}"
        )
        if expected is None:
            expected = ({"units": 6}, {"rate": 0.5, "batch_norm": True, "kind": "a"})
        assert known_good(file) == expected

    @pytest.mark.parametrize(
        "value",
        [
            '{"units": 6}',
            "[3]",
            '[{"units": [6]}]',
            "[{6: 6}]",
            '[{"units": SIZE}]',
            "[None]",
            '[{"units": None}]',
            '[{"units": 1e999}]',
        ],
    )
    def test_of_another_form_is_refused(self, file, value):
        file.write_text(SOURCE.replace("    def __init__", f"    known_good = {value}\n    def __init__"))
        with pytest.raises(
            InputError, match=r"`known_good` must be one line in class .*: a list of dicts .* Received: "
        ) as raised:
            known_good(file)
        assert str(file) in str(raised.value)

    @pytest.mark.parametrize(
        "source",
        [
            f"class Other:\n    known_good = [{{}}]\n{SOURCE}",
            f"known_good = [{{}}]\n{SOURCE}",
            SOURCE.replace("    def __init__", "    known_good = []\n    known_good += [{}]\n    def __init__"),
            SOURCE.replace("    def __init__", "    if True:\n        known_good = [{}]\n    def __init__"),
            SOURCE.replace("    def __init__", "    known_good: list\n    def __init__"),
        ],
    )
    def test_elsewhere_than_as_one_line_of_the_class_is_refused(self, file, source):
        file.write_text(source)
        with pytest.raises(InputError, match=r"must be one line in class EmotionHyperModel.*Received: \d uses? of"):
            known_good(file)

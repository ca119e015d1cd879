from dataclasses import replace

import numpy as np
import pytest

from emotune.errors import InputError
from emotune.evaluation.audit import audit
from emotune.evaluation.protocols import split_dataset
from emotune.evaluation.splits import Split
from emotune.findings import refuse_errors


def named(findings, name):
    found = [finding for finding in findings if finding.name == name]
    assert found, f"no {name} among {[finding.name for finding in findings]}"
    return found


def names(findings, severity=None):
    return {finding.name for finding in findings if severity in (None, finding.severity)}


def by_hand(train, validation, test, protocol="subject", validation_protocol=""):
    rows = (np.array(part, dtype=np.int64) for part in (train, validation, test))
    return Split(*rows, protocol=protocol, seed=0, people={}, validation_protocol=validation_protocol)


@pytest.fixture
def six(make_dataset):
    """Six people of two rows, one of each class, each row a trial."""
    subject = [f"P{person}" for person in range(1, 7) for _ in range(2)]
    return make_dataset(subject, [f"{name}//{index % 2}" for index, name in enumerate(subject)], [0, 1] * 6)


@pytest.mark.parametrize("n_people", [3, 6, 12, 30])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_clean_split_by_person_passes(make_people, n_people, seed):
    dataset = make_people(n_people)
    findings = audit(dataset, split_dataset(dataset, seed=seed))
    assert names(findings) <= {"few-people"}
    assert bool(findings) == (n_people < 30)  # 30 people leave 6 to test, enough for an interval
    refuse_errors(findings)


def test_few_tested_people_are_a_note(six):
    finding = named(audit(six, split_dataset(six, seed=0)), "few-people")[0]
    assert finding.severity == "note"
    assert str(finding) == (
        "The test part has 1 person; an interval over people needs 6, so none will be given. Measure over several "
        "splits, or record more people."
    )


@pytest.mark.parametrize(
    ("parts", "first", "second"),
    [
        (([0, 1, 2], [4, 5], [3, 6, 7]), "train", "test"),
        (([0, 1, 2], [3, 4, 5], [6, 7]), "train", "validation"),
        (([0, 1], [2, 4, 5], [3, 6, 7]), "validation", "test"),
    ],
)
@pytest.mark.parametrize("protocol", ["subject", "own parts"])
def test_a_person_on_both_sides_is_an_error_that_names_the_person(six, parts, first, second, protocol):
    findings = audit(six, by_hand(*parts, protocol=protocol))
    (finding,) = named(findings, "person-in-two-parts")
    assert finding.severity == "error"
    assert str(finding) == (
        f"Expected no person in both {first} and {second}. Received: P2. The score would be that of people already "
        "known. Move each person into one part, or leave the parts out: they are then divided by person."
    )
    with pytest.raises(InputError, match="Expected no person in both"):
        refuse_errors(findings)


def test_a_trial_on_both_sides_is_an_error(make_people):
    dataset = make_people(1, trials_per_class=3, windows=2)
    split = split_dataset(dataset, seed=0)
    leaking = replace(split, train=split.train[:-1], test=np.sort(np.append(split.test, split.train[-1])))
    trial = dataset.groups["trial"][split.train[-1]]
    (finding,) = named(audit(dataset, leaking), "trial-in-two-parts")
    assert finding.severity == "error"
    assert str(finding) == (
        f"Expected no trial in both train and test. Received: {trial}. Windows of one trial are nearly alike, and "
        "share samples where they overlap: the score would be that of rows already seen. Move each trial into one "
        "part, or leave the parts out: they are then divided by person."
    )


def test_many_names_are_cut_short(make_people):
    dataset = make_people(8)
    halves = [np.flatnonzero(np.arange(len(dataset)) % 3 == part) for part in range(3)]
    (finding,) = (
        f for f in named(audit(dataset, by_hand(*halves)), "person-in-two-parts") if "train and test" in f.message
    )
    assert "Received: P1, P2, P3, P4, P5 and 3 more." in finding.message


def test_a_row_in_two_parts_is_an_error(six):
    findings = audit(six, by_hand([0, 1, 2, 3], [4, 5], [3, 6, 7]))
    (finding,) = named(findings, "rows-in-two-parts")
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected each row of toy in one part. Received: 1 in both train and test, such as row 3. Correct the parts."
    )
    # It is the cause of the others, so it is the one that is shown.
    with pytest.raises(InputError, match=r"^Expected each row of toy in one part"):
        refuse_errors(findings)


def test_an_empty_part_is_an_error(six):
    (finding,) = named(audit(six, by_hand([0, 1], [], [2, 3])), "empty-part")
    assert finding.severity == "error"
    assert str(finding) == "Expected rows of toy in each part. Received: none in validation. Correct the parts."


def test_one_person_under_two_names_is_an_error_that_names_both(six):
    inputs = six.inputs.copy()
    inputs[10:12] = inputs[0:2]  # P6 is P1 again
    findings = audit(replace(six, inputs=inputs), by_hand([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]))
    (finding,) = named(findings, "identical-rows")
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected no row twice. Received: 2 rows of test that are also in train: P6 in test, P1 in train. If these "
        "are one person under two names, give them one name; else remove the copies."
    )


def test_identical_rows_are_numbered_where_people_are_not_known(make_dataset):
    inputs = np.arange(24, dtype=np.float32).reshape(6, 4)
    inputs[5] = inputs[2]
    dataset = make_dataset(None, [f"t{index}" for index in range(6)], [0, 1] * 3, inputs=inputs)
    (finding,) = named(audit(dataset, by_hand([0, 1], [2, 3], [4, 5], "trial")), "identical-rows")
    assert "1 rows of test that are also in validation: row 5 in test, row 2 in validation." in finding.message


def test_sequences_and_negative_zeros_are_compared_by_value(make_dataset):
    inputs = np.random.default_rng(0).normal(size=(6, 3, 4)).astype(np.float32)
    inputs[0, 1, 2], inputs[4] = 0.0, inputs[0]
    inputs[4, 1, 2] = -0.0
    dataset = make_dataset(["A", "A", "B", "B", "C", "C"], None, [0, 1] * 3, inputs=inputs)
    split = by_hand([0, 1], [2, 3], [4, 5])
    assert "identical-rows" in names(audit(dataset, split), "error")
    inputs[4, 0, 0] = np.nextafter(inputs[4, 0, 0], np.float32(9))
    assert "identical-rows" not in names(audit(dataset, split))


def test_copies_within_one_part_are_no_leak(six):
    inputs = six.inputs.copy()
    inputs[1] = inputs[0]
    findings = audit(replace(six, inputs=inputs), by_hand([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]))
    assert "identical-rows" not in names(findings)


@pytest.mark.parametrize(
    ("part", "severity", "consequence"),
    [
        ("train", "error", "It could never be answered."),
        ("validation", "warning", "The score says nothing about it."),
        ("test", "warning", "The score says nothing about it."),
    ],
)
def test_a_class_missing_in_a_part(six, part, severity, consequence):
    parts = {"train": [0, 1, 2, 3], "validation": [4, 5, 6, 7], "test": [8, 9, 10, 11]}
    targets = np.array([0, 1, 2, 2] * 3)
    targets[parts[part]] = [0, 2, 0, 2]
    dataset = replace(six, targets=targets, class_names=("calm", "joy", "fear"))
    (finding,) = named(audit(dataset, by_hand(*parts.values())), "class-missing")
    assert finding.severity == severity
    assert str(finding) == (
        f"Expected rows of each class in {part}. Received: none of joy. {consequence} Add people (or trials) of this "
        "class, or try another seed."
    )


@pytest.mark.parametrize(
    ("part", "severity", "consequence"),
    [
        ("train", "error", "Nothing could be learned."),
        ("validation", "error", "Nothing could be chosen by it."),
        ("test", "warning", "Scores such as balanced accuracy and ROC-AUC are undefined."),
    ],
)
def test_a_part_of_one_class_says_what_it_is_no_good_for(six, part, severity, consequence):
    parts = {"train": [0, 1, 2, 3], "validation": [4, 5, 6, 7], "test": [8, 9, 10, 11]}
    targets = six.targets.copy()
    targets[parts[part]] = 0
    findings = audit(replace(six, targets=targets), by_hand(*parts.values()))
    (finding,) = named(findings, "one-class-in-part")
    assert finding.severity == severity
    assert str(finding) == (
        f"Expected rows of at least 2 classes in {part}. Received: calm alone. {consequence} Add people (or trials) of "
        "another class, or try another seed or protocol."
    )
    assert "class-missing" not in names(findings)


def test_people_with_one_class_among_others_are_named_in_a_note(six):
    targets = six.targets.copy()
    targets[[2, 10]] = 1  # P2 and P6 are always joyful
    findings = audit(replace(six, targets=targets), by_hand(*SIX_PARTS))
    (finding,) = named(findings, "person-with-one-class")
    assert finding.severity == "note"
    assert str(finding) == (
        "2 of 6 people of toy have rows of one class alone: P2, P6. Balanced accuracy and ROC-AUC of such a person are "
        "undefined (in the test part: P6). Record them in another class too, or compare people by accuracy."
    )
    assert "person-is-label" not in names(findings)


def test_a_class_without_any_row_is_a_warning(six):
    findings = audit(replace(six, class_names=("calm", "joy", "fear")), split_dataset(six, seed=0))
    (finding,) = named(findings, "class-without-rows")
    assert finding.severity == "warning"
    assert str(finding) == (
        "Expected rows of each class in toy. Received: none of fear. Add recordings of it, or leave it out of the "
        "classes: it can be neither learned nor measured."
    )
    assert "class-missing" not in names(findings)


def test_one_class_alone_is_an_error(six):
    findings = audit(replace(six, targets=np.zeros(12, dtype=np.int64)), split_dataset(six, seed=0))
    (finding,) = named(findings, "one-class")
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected rows of at least 2 classes in toy. Received: calm alone. Add recordings of another class."
    )


@pytest.fixture
def patients(make_dataset):
    """Eight people, each always of one class, three trials of two rows."""
    subject = [f"P{person}" for person in range(8) for _ in range(6)]
    trial = [f"{name}//{index % 6 // 2}" for index, name in enumerate(subject)]
    return make_dataset(subject, trial, [person % 2 for person in range(8) for _ in range(6)])


def test_people_of_one_class_each_are_a_warning_when_they_are_held_out(patients):
    (finding,) = named(audit(patients, split_dataset(patients, seed=0)), "person-is-label")
    assert finding.severity == "warning"
    assert str(finding) == (
        "Expected people with rows of more than one class. Received: one class a person, so that whatever tells "
        "people apart looks like emotion. Record each person in several classes, or say so with the score."
    )


def test_people_of_one_class_each_are_an_error_when_recognising_them_is_enough(patients):
    (finding,) = named(audit(patients, split_dataset(patients, seed=0, protocol="trial")), "person-is-label")
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected people with rows of more than one class. Received: one class a person, so that whatever tells "
        "people apart looks like emotion, and the test people are known from training. Split by person."
    )


def test_one_person_with_both_classes_is_enough_to_tell_person_from_label(patients):
    targets = patients.targets.copy()
    targets[0] = 1 - targets[0]
    dataset = replace(patients, targets=targets)
    assert "person-is-label" not in names(audit(dataset, split_dataset(dataset, seed=0)))


def test_one_person_alone_is_a_note(make_people):
    dataset = make_people(1, trials_per_class=4)
    findings = audit(dataset, split_dataset(dataset, seed=0))
    assert names(findings) == {"one-person"}
    assert findings[0].severity == "note"
    assert str(findings[0]) == (
        "All rows are of one person: the score holds for new trials of this person alone. Record more people for a "
        "model that works for others."
    )


def test_validation_on_trials_of_the_training_person_is_a_warning(make_people):
    dataset = make_people(2, trials_per_class=4)
    findings = audit(dataset, split_dataset(dataset, seed=0))
    assert names(findings) == {"few-people", "validation-on-known-person"}
    (finding,) = named(findings, "validation-on-known-person")
    assert finding.severity == "warning"
    assert str(finding) == (
        "Expected at least 3 people. Received: 2, so that validation is on other trials of the training person: its "
        "scores flatter, and what is chosen by them fits this person. Record a third person."
    )


def test_with_two_people_the_test_person_must_still_be_unseen(make_people):
    dataset = make_people(2, trials_per_class=4)
    split = split_dataset(dataset, seed=0)
    leaking = replace(split, train=split.train[:-3], test=np.append(split.test, split.train[-3:]))
    assert {"person-in-two-parts"} <= names(audit(dataset, leaking), "error")


def test_a_trial_split_of_many_people_warns_that_they_are_known(make_people):
    dataset = make_people(6, trials_per_class=3)
    findings = audit(dataset, split_dataset(dataset, seed=0, protocol="trial"))
    (finding,) = named(findings, "same-people")
    assert finding.severity == "warning" and not names(findings, "error")
    assert str(finding) == (
        "Training and test hold the same people: the score holds for new trials of people already known. Split by "
        "person for a score that holds for people never seen."
    )


def test_trials_of_unknown_people_are_a_warning(make_dataset):
    dataset = make_dataset(None, [f"t{index // 2}" for index in range(24)], [0, 0, 1, 1] * 6)
    findings = audit(dataset, split_dataset(dataset, seed=0))
    assert names(findings) == {"people-not-known"}
    assert findings[0].severity == "warning"
    assert str(findings[0]) == (
        "Expected a subject for each row of toy. Received: trials alone, so that the parts may share people: the "
        "score may not hold for people never seen. Give `subject`."
    )


@pytest.mark.parametrize("subject", [None, ["P1"] * 6])
def test_own_parts_that_cannot_be_checked_are_a_strong_warning(make_dataset, subject):
    parts = {"train": [0, 1], "validation": [2, 3], "test": [4, 5]}
    dataset = make_dataset(subject, None, [0, 1] * 3, parts=parts)
    findings = audit(dataset, split_dataset(dataset, seed=0))
    (finding,) = named(findings, "parts-not-checked")
    assert finding.severity == "warning"
    assert str(finding) == (
        "Expected a subject or trial for each row of toy. Received: parts without them, so that nobody can tell "
        "whether they share people or recordings; if they do, every score of theirs is too high, often by tens of "
        "points. Give `subject` (and `trial`) and the parts are checked; do not report a score without."
    )
    refuse_errors(findings)


def test_own_parts_of_one_person_are_held_to_the_rule_of_trials(make_dataset):
    trial = ["a", "b", "c", "d", "e", "f"]
    parts = {"train": [0, 1], "validation": [2, 3], "test": [4, 5]}
    clean = make_dataset(["P1"] * 6, trial, [0, 1] * 3, parts=parts)
    assert names(audit(clean, split_dataset(clean, seed=0))) == {"one-person", "trials-of-one-row"}
    leaking = make_dataset(["P1"] * 6, [*trial[:5], "a"], [0, 1] * 3, parts=parts)
    assert names(audit(leaking, split_dataset(leaking, seed=0)), "error") == {"trial-in-two-parts"}


def with_stimuli(dataset, stimulus):
    return replace(dataset, groups={**dataset.groups, "stimulus": np.array(stimulus)})


SIX_PARTS = ([0, 1, 2, 3, 4, 5], [6, 7], [8, 9, 10, 11])


def test_stimuli_in_training_and_test_are_a_note_that_names_them(six):
    # Both classes have seen each clip: recognising one gives no label.
    dataset = with_stimuli(six, ["a", "b", "b", "a"] * 3)
    findings = audit(dataset, by_hand(*SIX_PARTS))
    (finding,) = named(findings, "same-stimuli")
    assert finding.severity == "note"
    assert str(finding) == (
        "Training and test hold the same stimuli (a, b): the scores may in part be about the clips. Say so with the "
        "score, or hold them apart: --protocol subject+stimulus, or stimulus."
    )
    assert "stimulus-is-label" not in names(findings)


@pytest.mark.parametrize(("clips", "one_each"), [(["sad", "joy"] * 6, True), (["s1", "j1", "s2", "j2"] * 3, False)])
def test_stimuli_with_one_label_each_say_so(six, clips, one_each):
    findings = audit(with_stimuli(six, clips), by_hand(*SIX_PARTS))
    (finding,) = named(findings, "same-stimuli")
    assert "about the clips, as each has one label, which recognising it would give." in finding.message
    assert ("stimulus-is-label" in names(findings, "note")) == one_each


def test_stimuli_that_are_unknown_or_apart_are_no_finding(six):
    apart = ["x1", "x2", "x3", "x4", "x5", "x6", "", "", "y1", "y2", "", ""]
    for dataset in (six, with_stimuli(six, apart)):
        assert not {"same-stimuli", "stimulus-is-label"} & names(audit(dataset, by_hand(*SIX_PARTS)))


def test_own_parts_of_different_people_pass(six):
    dataset = replace(six, parts={"train": np.arange(4), "validation": np.arange(4, 8), "test": np.arange(8, 12)})
    assert names(audit(dataset, split_dataset(dataset, seed=0))) == {"few-people"}


def test_a_group_column_with_holes_is_refused(six):
    subject = six.groups["subject"].copy()
    subject[3] = ""
    with pytest.raises(InputError, match="Expected a subject for every row of toy, or for none"):
        audit(replace(six, groups={**six.groups, "subject": subject}), by_hand([0, 1], [2, 3], [4, 5]))


# --- what no feature may be


def with_column(make_dataset, n_people, n_rows, column, *, n_steps=0):
    """`n_rows` rows of each of two classes a person; the feature f2 is made of the person's number and the class."""
    person = np.repeat(np.arange(n_people), 2 * n_rows)
    targets = np.tile(np.repeat([0, 1], n_rows), n_people)
    inputs = np.random.default_rng(3).normal(size=(len(person), 4)).astype(np.float32)
    inputs[:, 2] = column(person, targets)
    if n_steps:
        inputs = np.stack([inputs] * n_steps, axis=1)
        inputs[:, :, [0, 1, 3]] += np.random.default_rng(4).normal(size=(len(person), n_steps, 3))
    trial = [f"P{p}//{t}" for p, t in zip(person, targets, strict=True)]
    return make_dataset([f"P{p}" for p in person], trial, targets.tolist(), inputs=inputs)


@pytest.mark.parametrize("n_steps", [0, 3])
def test_a_copy_of_the_label_is_an_error_that_names_the_column(make_dataset, n_steps):
    dataset = with_column(make_dataset, 6, 4, lambda person, target: 7.0 - target, n_steps=n_steps)
    finding = named(audit(dataset, split_dataset(dataset, seed=0)), "label-among-features")[0]
    assert finding.severity == "error"
    assert str(finding) == (
        "Expected features of toy that were measured. Received: one value a class, and another for each, over all 48 "
        "rows of f2, as a copy of the label has. Take these columns out."
    )


@pytest.mark.parametrize("n_steps", [0, 3])
def test_a_name_of_the_person_is_a_warning_that_names_the_column(make_dataset, n_steps):
    dataset = with_column(make_dataset, 6, 4, lambda person, target: 20.0 + person, n_steps=n_steps)
    findings = audit(dataset, split_dataset(dataset, seed=0))
    finding = named(findings, "person-among-features")[0]
    assert finding.severity == "warning"
    assert "one value a person, and another for each, in f2: these say who it is" in str(finding)
    assert "label-among-features" not in names(findings)


@pytest.mark.parametrize(
    ("n_people", "n_rows", "column"),
    [
        (6, 4, lambda person, target: 0.0 * target),  # constant
        (6, 4, lambda person, target: np.where(np.arange(len(target)) == 5, 1 - target, target)),  # but for one row
        (5, 2, lambda person, target: target),  # 20 rows
        (6, 4, lambda person, target: person // 2),  # two people of one age
        (12, 1, lambda person, target: np.arange(len(person))),
    ],
)
def test_columns_that_go_with_neither_are_no_finding(make_dataset, n_people, n_rows, column):
    dataset = with_column(make_dataset, n_people, n_rows, column)
    found = names(audit(dataset, split_dataset(dataset, seed=0)))
    assert not found & {"label-among-features", "person-among-features"}


def test_a_table_of_people_has_a_value_a_person(make_dataset):
    dataset = make_dataset([f"P{person}" for person in range(40)], None, [0, 1] * 20)
    assert "person-among-features" not in names(audit(dataset, split_dataset(dataset, seed=0)))

"""Files are not believed: whatever is wrong with one is said, and which one it is."""

import json

import pytest

import alliance_stats as al
from alliance_stats.sharing.shared_file import seal

MODEL = "distress ~ session + condition + (1 | client_id)"


@pytest.fixture
def paths(three, send):
    return send(MODEL, three)


@pytest.fixture
def changed(paths, tmp_path):
    """Return the files with the second one changed, its seal made anew unless it is to be torn."""

    def change(edit, sealed=True):
        held = json.loads(paths[1].read_text())
        held = edit(held) or held
        if sealed:
            held["seal"] = seal(held)
        path = tmp_path / "Kiel.json"
        path.write_text(json.dumps(held))
        return [paths[0], path]

    return change


def put(value, *place):
    def edit(held):
        for step in place[:-1]:
            held = held[step]
        held[place[-1]] = value

    return edit


BROKEN = {
    "cut": ('{"made_by": "alliance_stats 0.1.0", "format', "is no whole JSON"),
    "empty": ("", "is no whole JSON"),
    "not a number": ('{"a": NaN}', "NaN is no number"),
    "an entry twice": ('{"a": 1, "a": 2}', "an entry stands twice"),
    "deep": ("[" * 100_000, "is no whole JSON"),
    "another JSON": ('{"made_by": "somebody"}', "does not begin with 'made_by: alliance_stats'"),
    "a list": ("[1, 2]", "does not begin with 'made_by: alliance_stats'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_file_of_a_clinic(kind, paths, tmp_path):
    text, why = BROKEN[kind]
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(al.ReadError, match=why) as found:
        al.combine_clinics([paths[0], path])
    assert "odd.json" in str(found.value)


def test_files_that_are_not_there_or_no_text(paths, tmp_path):
    with pytest.raises(al.ReadError, match="No such file"):
        al.combine_clinics([tmp_path / "none.json"])
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(al.ReadError, match=r"'.*bytes\.json' cannot be read \(it is no text\)"):
        al.combine_clinics([tmp_path / "bytes.json"])
    with pytest.raises(al.DesignError, match="at least one file"):
        al.combine_clinics([])


CHANGED = {
    "another edition": (put(2, "format"), "in format 2, and this release reads format 1"),
    "a column gone": (lambda h: h["columns"].pop("session") and None, "columns are not those"),
    "a sum gone": (lambda h: h["sums"]["sums over all rows"].pop() and None, "holds 9 numbers"),
    "a word for a number": (put("many", "numbers", "rows"), "'rows' is of a wrong kind"),
    "no rows": (put(3, "numbers", "rows"), "numbers of rows and groups cannot be"),
    "another kind": (put("rows", "kind"), "its kind is 'rows'"),
    "no unit": (put(0.0, "columns", "session", "divided by"), "divided by nothing"),
    "groups without effects": (put([], "model", "effects"), "do not belong together"),
    "a term twice": (put(["Intercept"] * 3, "model", "terms"), "stands twice"),
    "no clients": (put([], "sums", "by number of sessions"), "it holds no clients"),
    "people without end": (put(1e300, "numbers", "client_id"), "larger than any that is measured"),
    "nobody": (put(0, "numbers", "client_id"), "numbers of rows and groups cannot be"),
    "noise without end": (put(1e300, "sums", "sd of the noise"), "larger than any"),
    "another intercept": (put(2.0, "columns", "Intercept", "divided by"), "its intercept is not"),
    "a long word": (put("x" * 1000, "clinic"), "too long"),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_what_cannot_be_is_named(kind, changed):
    edit, why = CHANGED[kind]
    with pytest.raises(al.ReadError, match=why) as found:
        al.combine_clinics(changed(edit))
    assert "Kiel.json" in str(found.value)


def test_a_number_changed_on_the_way(changed):
    with pytest.raises(al.ReadError, match="its seal does not fit what it holds"):
        al.combine_clinics(changed(put(1e6, "sums", "sums over all rows", 0), sealed=False))


def two_arms(held):
    held["model"]["categories"]["condition"] = ["PDT", "CBT"]


DIFFERENT = {
    "formula": (
        put("distress ~ session + (1 | client_id)", "model", "formula"),
        "different models",
    ),
    "categories": (two_arms, "do not code 'condition' alike: CBT, PDT and PDT, CBT"),
    "units": (put({"distress": "0 to 4"}, "model", "units"), "different units of 'distress'"),
    "place": (put(2.1, "columns", "distress", "divided by"), None),
    "far away": (put(300.0, "columns", "distress", "taken off"), "is it in the same unit"),
    "the same clinic": (put("Bern", "clinic"), "Two files are of a clinic called 'Bern'"),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_files_of_different_models_are_told_apart(kind, changed):
    edit, why = DIFFERENT[kind]
    files = changed(edit)
    if why is None:
        al.combine_clinics(files)
        return
    with pytest.raises(al.DesignError, match=why) as found:
        al.combine_clinics(files)
    assert "Kiel.json" in str(found.value)


def test_words_of_the_plan_do_not_hide_another_unit(three, tmp_path):
    """All clinics have the coordinator's words, whatever their rows are in."""
    means = three["Kiel"].assign(distress=three["Kiel"]["distress"] / 40)
    paths = [tmp_path / name / f"{name}.json" for name in ("Bern", "York", "Kiel")]
    for path, data in zip(paths, (three["Bern"], three["York"], means), strict=True):
        path.parent.mkdir()
        al.clinic_file(MODEL, data, path, units={"distress": "sum of 0 to 40"})
    found = [al.combine_clinics(of, clinic="fixed").messages for of in (paths, paths[:2])]
    said = [[one for one in of if "though the plan names one unit" in one] for of in found]
    assert len(said[0]) == 1
    assert "'distress' lies near" in said[0][0]
    assert "Kiel.json" in said[0][0]
    assert not said[1]


def test_one_file_under_two_names(paths, changed):
    copy = json.loads(paths[0].read_text()) | {"clinic": "Ulm"}
    with pytest.raises(al.DesignError, match="hold the same numbers: one file under two names"):
        al.combine_clinics(changed(lambda held: copy))


def test_a_file_holds_nothing_of_a_person(paths, three):
    text = paths[0].read_text()
    assert not any(one in text for one in three["Bern"]["client_id"])
    assert not any(one in text for one in three["Bern"]["therapist_id"])
    assert text.startswith('{\n  "made_by": "alliance_stats')
    held = json.loads(text)
    assert list(held)[:5] == ["made_by", "what", "format", "clinic", "what this file tells"]
    assert held["what this file tells"]["in words"][0].startswith(
        "Sums over 512 rows of 64 clients"
    )

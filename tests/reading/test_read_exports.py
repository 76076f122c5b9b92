"""REDCap and Qualtrics: their header rows, checkboxes and columns."""

import alliance_stats as al

QUALTRICS = (
    "StartDate,ResponseId,Finished,Q1,Q2\n"
    'Startdatum,Antwort-ID,Beendet,"Item, one","Item two"\n'
    '"{""ImportId"":""startDate""}","{""ImportId"":""_recordId""}",'
    '"{""ImportId"":""finished""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2""}"\n'
    "2026-01-05 10:00:00,R_1,1,5,4\n"
    "2026-01-06 10:00:00,R_2,1,3,\n"
)


def read(folder, text, name="export.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return al.read_table(path)


def test_qualtrics_with_three_header_rows(tmp_path):
    frame = read(tmp_path, QUALTRICS)
    assert len(frame) == 2
    assert frame["Q1"].tolist() == [5, 3]
    assert frame.attrs["export"] == "qualtrics"
    assert frame.attrs["header_rows"] == 3
    assert frame.attrs["first_row"] == 4
    assert frame.attrs["variable_labels"]["Q1"] == "Item, one"


def test_qualtrics_with_two_header_rows(tmp_path):
    lines = QUALTRICS.split("\n")
    frame = read(tmp_path, "\n".join([lines[0], lines[1], *lines[3:]]))
    assert len(frame) == 2
    assert frame.attrs["header_rows"] == 2


def test_qualtrics_without_a_second_header_row_loses_no_answer(tmp_path):
    lines = QUALTRICS.split("\n")
    frame = read(tmp_path, "\n".join([lines[0], *lines[3:]]))
    assert len(frame) == 2
    assert frame.attrs["header_rows"] == 1


def test_the_old_qualtrics_names(tmp_path):
    frame = read(tmp_path, "V1,V2,Q1\nResponseID,ResponseSet,Item one\nR_1,Default,4\n")
    assert frame["Q1"].tolist() == [4]
    assert frame.attrs["variable_labels"]["V1"] == "ResponseID"


def test_redcap_events_repeats_and_checkboxes(tmp_path):
    frame = read(
        tmp_path,
        "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,gym___0,"
        "gym___1,form_complete\n1,visit_1_arm_1,,,1,0,2\n1,visit_2_arm_1,wai,1,0,1,2\n",
    )
    assert frame.attrs["export"] == "redcap"
    assert frame.attrs["header_rows"] == 1
    assert frame.attrs["checkboxes"] == {"gym": ["gym___0", "gym___1"]}
    assert frame["gym___0"].tolist() == [1, 0]


def test_redcap_with_a_row_of_labels(tmp_path):
    frame = read(
        tmp_path,
        "record_id,redcap_event_name,wai_1,form_complete\nRecord ID,Event Name,Item 1,Complete?\n"
        "1,visit_1,5,2\n",
    )
    assert frame["wai_1"].tolist() == [5]
    assert frame.attrs["variable_labels"]["wai_1"] == "Item 1"
    assert frame.attrs["first_row"] == 3

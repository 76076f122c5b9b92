"""What stands on the page of a notebook: nobody's row, no small count, no id."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from alliance_stats.report.naming import Names
from alliance_stats.workspace.sharing import LEFT_OUT, share

NAMES = Names(["Ann Bee", "dee@ward", "12"])


def shared(*outputs, source=""):
    book = new_notebook(cells=[new_code_cell(source, outputs=list(outputs))])
    share(book, NAMES)
    return book.cells[0].outputs


def table(heads, *rows):
    cells = "".join(f"<tr>{''.join(f'<td>{x}</td>' for x in row)}</tr>" for row in rows)
    page = f"<table><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{cells}</table>"
    return new_output("display_data", data={"text/html": page, "text/plain": "as above"})


def test_a_table_with_a_row_a_person_is_left_out():
    (found,) = shared(table(["client_id", "score"], ["x", 3.5]))
    assert found.data["text/html"] == LEFT_OUT
    assert found.data["text/plain"] == ""


@pytest.mark.parametrize(("few", "kept"), [(3, False), (7, True)])
def test_a_small_count_takes_its_column_and_the_shares(few, kept):
    rows = [["dropout", few, "5.0%", 0.25], ["completed", 50, "83.0%", 0.75]]
    (found,) = shared(table(["reason", "n", "share", "estimate"], *rows))
    page = found.data["text/html"]
    assert ("50" in page and "83.0%" in page) is kept
    assert "0.75" in page


def test_how_many_coders_there_were_is_no_count_of_the_study_s_people():
    (found,) = shared(table(["code", "estimate", "n_coders"], ["withdrawal", 0.86, 2]))
    assert "withheld" not in found.data["text/html"]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("- The fit is singular.\n", "- The fit is singular.\n"),
        ("- 2 clients are left out:\n  Ann Bee, 12.\n", ""),
        ("[error] clients.csv row 7: 'Ann' twice\nend", "end"),
        ("3 of 40 clients left.", "fewer than 5 of 40 clients left."),
        ("Ann Bee and dee@ward", "… and …"),
        ("dropout       3\ncompleted    57", "dropout       withheld\ncompleted    withheld"),
    ],
)
def test_printed_text_loses_messages_with_data_small_counts_and_ids(text, stays):
    (found,) = shared(new_output("stream", name="stdout", text=text))
    assert found.text == stays


def test_a_figure_with_a_mark_a_person_is_left_out_and_others_stay():
    image = new_output("display_data", data={"image/png": "AAAA", "text/plain": "<Figure>"})
    (found,) = shared(image, source="hazard.plot_client(rows, one)")
    assert found.data == {"text/plain": LEFT_OUT}
    image = new_output("display_data", data={"image/png": "AAAA", "text/plain": "<Figure>"})
    (found,) = shared(image, source="incidence.plot()")
    assert found.data["image/png"] == "AAAA"


@pytest.mark.parametrize(("agreement", "kept"), [(0.857, False), (0.143, False), (0.5, True)])
def test_a_share_that_comes_to_few_of_the_count_beside_it_is_withheld(agreement, kept):
    (found,) = shared(table(["first", "n", "agreement"], ["a", 7 if not kept else 40, agreement]))
    assert (str(agreement) in found.data["text/html"]) is kept


def test_text_in_a_table_loses_dates_and_small_counts():
    said = "Between 2021-03-01 and 2022-05-01; 4 clients are open; dropouts by fold: a (2), b (30)."
    (found,) = shared(table(["item", "text"], ["6a", said]))
    page = found.data["text/html"]
    assert "2021-03-01" not in page
    assert "fewer than 5 clients are open" in page
    assert "a (withheld), b (30)" in page

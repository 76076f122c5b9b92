"""An attacker with a codebook, who computes from means of how many people they are."""

import numpy as np


def test_a_mean_whose_number_is_withheld_may_be_of_any_number(sixty):
    """Ages are whole: 38.47 of 58 people, two of whom tell none, is a sum in 58 and in few more."""
    n = len(sixty.clients)
    ages = 20.0 + np.arange(n) * 7 % 41
    ages[:2] = np.nan
    content = sixty.with_tables(clients=sixty.clients.assign(age=ages)).codebook().content
    clients = next(table for table in content["tables"] if table["name"] == "clients")
    told = next(column for column in clients["columns"] if column["name"] == "age")
    assert told["filled"] is None
    step = 10.0 ** -len(f"{told['mean']:g}".partition(".")[2])
    fits = [abs(round(told["mean"] * some) / some - told["mean"]) <= step / 2
            for some in range(10, n + 1)]  # fmt: skip
    assert all(fits)


def test_rows_of_which_people_have_several_are_told_in_tens(sixty):
    content = sixty.codebook().content
    numbers = [
        table["rows"] for table in content["tables"] if table["name"] in ("sessions", "ratings")
    ]
    numbers += [form["forms"] for card in content["measures"] for form in card["forms"]]
    assert len(numbers) > 4
    assert all(n is None or n % 10 == 0 for n in numbers)

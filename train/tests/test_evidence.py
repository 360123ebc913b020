"""Which lines an answer written by hand is shown with."""

from blocksight_train.data.evidence import MOST_LINES, evidence

LINES = ["# the limit", "def limit(n):", "    top = MOST", "", "    if n > top:", "        raise TooMany(n)", "    return n"]


def test_the_lines_that_hold_most_facts_are_shown_without_their_indentation():
    shown = evidence(LINES, "`limit` raises `TooMany` above `MOST`.", [["TooMany"], ["n > top"]])
    assert shown == "if n > top:\n    raise TooMany(n)"


def test_nothing_is_shown_where_no_line_holds_a_fact():
    assert evidence(LINES, "It waits.", [["sleep"]]) is None


def test_a_fact_in_any_of_its_spellings_counts_and_no_more_lines_are_shown_than_fit_an_answer():
    many = [f"call_{i}(fact)" for i in range(9)]
    assert evidence(many, "`call_0` to `call_8`", [["absent", "FACT"]]).count("\n") < MOST_LINES


def test_code_is_rather_shown_than_the_comment_about_it():
    assert evidence(["# sets retries", "x.retries = 3"], "", [["retries"]]) == "x.retries = 3"

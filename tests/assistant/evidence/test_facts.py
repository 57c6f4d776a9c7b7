from __future__ import annotations

import pytest

from assistant.evidence.facts import in_units, read_facts, states_date, states_number, unstated


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The fee is $1,500.", "A fee of $1,500.00 applies."),
        ("It takes 30 days.", "Notice must be given within thirty (30) days."),
        ("It takes thirty days.", "Notice is 30 days."),
        ("Sales were 1.2 million.", "Sales were 1,200,000 units."),
        ("It grew by 5 percent.", "It grew by 5%."),
        ("It starts on January 5, 2024.", "Start: 2024-01-05"),
        ("It starts on 5 January 2024.", "It starts on January 5th, 2024."),
        ("It was founded in May 2020.", "It was founded on 3 May 2020."),
        ("It was founded in 2020.", "It was founded on 3 May 2020."),
        ("Damage is not covered.", "The plan does not cover damage."),
        ("Staff may claim up to 40 hours.", "Staff may claim no more than 40 hours."),
        ("No, dental care is not covered.", "Dental care is not covered."),
        ("The head is Ana Ruiz.", "Ana Ruiz is the head."),
        ("2. Wait for 30 days.", "Wait for 30 days."),
        ("- No, it is closed.", "It is closed."),
        ("It opens at 9 am.", "Opening time: 9:00"),
        ("It opens at 9.", "It opens at 9:00 a.m."),
        ("It closes at 5 p.m.", "It closes at 17:00."),
        ("It closes at 5:30.", "It closes at 17:30."),
        ("Ana won six Grammy Awards.", "She is Ana, the six-time Grammy Award winner."),
        ("You get 15 days.", "Employees receive 15 days of leave."),
    ],
)
def test_unstated_facts_that_evidence_states_are_none(claim: str, evidence: str) -> None:
    assert unstated(read_facts(claim), read_facts(evidence)) == ()


@pytest.mark.parametrize(
    ("claim", "evidence", "missing"),
    [
        ("The fee is $1,600.", "A fee of $1,500 applies.", ("1600$",)),
        ("It takes 30 months.", "It takes 30 days.", ("30month",)),
        ("It starts on May 6, 2024.", "It starts on May 5, 2024.", ("2024-5-6",)),
        ("It opens at 9 am.", "It opens at 9 pm.", ("09:00",)),
        ("It opens at 06:16.", "It opens at 16:06.", ("06:16",)),
        ("Damage is covered.", "Damage is not covered.", ("negation",)),
        ("Water damage is not covered.", "Water damage is covered.", ("negation",)),
        ("The head is Ana Ruiz.", "The head is Ana Silva.", ("ruiz",)),
        ("It takes twelve weeks.", "It takes a while.", ("12week",)),
    ],
)
def test_unstated_facts_that_differ_are_named(
    claim: str, evidence: str, missing: tuple[str, ...]
) -> None:
    assert unstated(read_facts(claim), read_facts(evidence)) == missing


@pytest.mark.parametrize(
    ("text", "date", "number"),
    [
        ("It opened in 2012.", True, False),
        ("It opened on 3 May.", True, False),
        ("It opens at 9 am.", True, False),
        ("It employs 40 people.", False, True),
        ("It opened.", False, False),
    ],
)
def test_states_date_and_number_tell_the_kinds_apart(text: str, date: bool, number: bool) -> None:
    assert (states_date(text), states_number(text)) == (date, number)


@pytest.mark.parametrize(
    ("note", "claim", "missing"),
    [
        ("In millions | 2022", "Sales were $117,154 million.", ()),
        ("In millions | 2022", "Sales were $117.154 billion.", ()),
        ("In thousands | 2022", "Sales were $117,154 million.", ("117154000000$",)),
        ("2022", "Sales were $117,154 million.", ("117154000000$",)),
        ("In millions | 2022", "Sales were $117,154.", ()),
    ],
)
def test_in_units_reads_a_row_as_its_table_counts(note, claim, missing):
    row = in_units(read_facts("Sales | $117,154"), note)
    assert unstated(read_facts(claim), row) == missing

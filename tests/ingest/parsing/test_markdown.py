import pytest

from ingest.parsing.front_matter import split_front_matter
from ingest.parsing.markdown import MarkdownParser
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE

SOURCE = f"""---
title: "Leave rules"
date: 2022-03-04
tags: [a, b]
---
# Leave *policy*

Employees accrue twelve days
of leave [each year](https://example.org "t"). See {{% page "/x" %}}`code`.
![a photo](x.png)

## Sick leave ##

- one
  - deeper
1. first

| Plan | Cost |
|---|--:|
| Basic | **10** |

```python
if x:
    y
```
> {SENTENCE}

<div hidden>no</div>successful.<sup><a href="#f">1</a></sup>
"""


class TestMarkdownContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return MarkdownParser

    @pytest.fixture
    def sample(self, make_text):
        return make_text("sample.md", f"# Leave\n\n{SENTENCE}\n\n- a\n- b\n")


def test_parse_gives_the_text_of_the_rendered_page(make_text, limits):
    document = MarkdownParser(limits).parse(make_text("a.md", SOURCE))
    page = document.pages[0]
    assert page.text == (
        "Leave policy\n\n"
        "Employees accrue twelve days of leave each year. See code.\n\n"
        "Sick leave\n\n"
        "- one\n- deeper\n1. first\n\n"
        "Plan | Cost\nBasic | 10\n\n"
        "if x:\n    y\n\n"
        f"{SENTENCE}\n\n"
        "successful.¹"
    )
    assert [(h.span.slice(page.text), h.level) for h in page.headings] == [
        ("Leave policy", 1),
        ("Sick leave", 2),
    ]
    assert [row.header for row in page.table_rows] == ["Plan | Cost"]
    assert (document.title, document.date) == ("Leave rules", "2022-03-04")


def test_parse_without_fields_takes_the_title_from_the_first_heading(make_text, limits):
    document = MarkdownParser(limits).parse(make_text("a.md", "## Small\n\n# Big {{ x }}\n"))
    assert document.title == "Big {{ x }}"


@pytest.mark.parametrize(
    ("text", "fields", "rest"),
    [
        ("---\na: 1\n---\nx", {"a": "1"}, "x"),
        ("---\n---\nx", {}, "x"),
        ("---\r\nTitle: 'Q: A'\r\n---\r\nx", {"title": "Q: A"}, "x"),
        ("---\nJust text between rules.\n---\nx", {}, "---\nJust text between rules.\n---\nx"),
        ("text\n---\na: 1\n---\n", {}, "text\n---\na: 1\n---\n"),
        ("---\na: 1\n---\n{% comment %}no{% endcomment %}x {{ y }}", {"a": "1"}, "x "),
    ],
)
def test_split_front_matter(text, fields, rest):
    assert split_front_matter(text) == (fields, rest)

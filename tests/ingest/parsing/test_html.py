import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.html import HtmlParser
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE

PAGE = f"""<!DOCTYPE html><html><head><title>Leave | Intranet</title>
<meta property="article:published_time" content="2023-05-06T08:00:00Z">
<style>p {{color: red}}</style><script>var x = "no";</script></head><body>
<nav><a href="/">Home</a></nav><!-- a comment -->
<h1>Leave</h1>
<p>Employees accrue <b>twelve</b> days
of leave <a href="/x">each</a> year.<sup>1</sup></p><div>Loose<div>inner</div>tail</div>
<p hidden>no</p><p style="display:none">no</p><p aria-hidden="true">no</p>
<ul><li>one<ul><li>deeper</li></ul></li><li><p>two</p><p>more</p></li></ul>
<ol start="3"><li>three</li><li>four</li></ol>
<pre>if x:
    y</pre>
<table><tr><th>Plan</th><th>Cost</th></tr><tr><td>Basic<br>plan</td><td>10</td></tr></table>
<table><tr><td><p>Laid out.</p></td></tr></table>
line<br>break <p>{SENTENCE}</p></body></html>"""


class TestHtmlContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return HtmlParser

    @pytest.fixture
    def sample(self, make_text):
        markup = f"<html><body><h1>Leave</h1><p>{SENTENCE}</p><ul><li>a</li></ul></body></html>"
        return make_text("sample.html", markup)


def test_parse_reads_what_is_seen(make_text, limits):
    document = HtmlParser(limits).parse(make_text("a.html", PAGE))
    page = document.pages[0]
    assert page.text == (
        "Leave\n\n"
        "Employees accrue twelve days of leave each year.¹\n\n"
        "Loose\n\ninner\n\ntail\n\n"
        "- one\n- deeper\n- two\n\nmore\n\n"
        "3. three\n4. four\n\n"
        "if x:\n    y\n\n"
        "Plan | Cost\nBasic plan | 10\n\n"
        "Laid out.\n\n"
        f"line\nbreak\n\n{SENTENCE}"
    )
    assert [(h.span.slice(page.text), h.level) for h in page.headings] == [("Leave", 1)]
    assert [row.header for row in page.table_rows] == ["Plan | Cost"]
    assert (document.title, document.date) == ("Leave", "2023-05-06")


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("<title>Leave rules</title><h1>Welcome</h1><p>x", "Leave rules"),
        ("<h1>Only <i>this</i></h1><p>x", "Only this"),
        ("<h2>Small</h2><p>x", "Small"),
        ("<p>x", ""),
    ],
)
def test_parse_finds_the_title(make_text, limits, markup, title):
    assert HtmlParser(limits).parse(make_text("a.html", markup)).title == title


def test_parse_of_a_site_source_takes_its_fields_and_drops_its_tags(make_text, limits):
    source = "---\ntitle: Leave\ndate: 2021-02-03\n---\n<p>{% if x %}Rules{% endif %} {{ y }}</p>"
    document = HtmlParser(limits).parse(make_text("a.html", source))
    assert (document.title, document.date) == ("Leave", "2021-02-03")
    assert document.pages[0].text == "Rules"


def test_parse_reads_the_declared_encoding(tmp_path, limits):
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="windows-1251"><p>Отпуск</p>'.encode("cp1251"))
    document = HtmlParser(limits).parse(path)
    assert document.pages[0].text == "Отпуск"
    assert document.flags == ()


def test_parse_of_a_page_of_scripts_rejects(make_text, limits):
    with pytest.raises(RejectedFileError) as caught:
        HtmlParser(limits).parse(make_text("a.html", "<html><script>x</script></html>"))
    assert caught.value.reason == RejectReason.EMPTY

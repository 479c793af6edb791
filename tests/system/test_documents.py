"""What is written must be what is built."""

import re
import subprocess

from gate import PROGRAMS, ROOT, SERVICES


def words(text):
    """The words alone: layout and marks differ between the two."""
    return re.sub(r"[^a-z0-9/_.]+", " ", text.lower()).split()


def test_the_table_of_messages_is_the_one_of_the_schema():
    said = subprocess.run([str(PROGRAMS / "sallyport"), "schema"], check=True,
                          capture_output=True, text=True, timeout=30).stdout
    assert (ROOT / "docs" / "MESSAGES.md").read_text() == said


def test_each_readme_is_cut_from_its_main():
    for service in SERVICES:
        home = ROOT / "services" / service
        manual = (home / "main.c").read_text().partition("*/")[0]
        purpose = re.search(r"PURPOSE\n(.*?)\n \*\n", manual, re.S).group(1)
        readme = words((home / "README.md").read_text())
        wanted = words(purpose)
        start = readme.index("purpose") + 1
        assert readme[start:start + len(wanted)] == wanted, service


def test_every_setting_is_in_the_example():
    rows = re.findall(r"T\((SP_\w+),",
                      (ROOT / "common" / "process" / "settings.h").read_text())
    example = (ROOT / ".env.example").read_text()
    for name in rows:
        assert name in example, name
    assert set(re.findall(r"^#?(SP_\w+)=", example, re.M)) == set(rows)


def test_the_picture_names_every_process():
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    for service in SERVICES:
        assert f"| {service} |" in text


# Where a kind stands in the code: in an occurrence or refusal, as the first
# word of a call that reports, in a table by outcome.
WORD = r'"([a-z]+(?:_[a-z]+)+)"'
REPORTS = (r"\b(?:report|report_about|request_report|sp_executor_event|"
           r"verdict_refuse|verdict_answer)\(([^;{]*);")
TABLES = r"\[(?:SP_AUDIT|MCP|SP_EXECUTOR)_\w+\] = \{? ?" + WORD


def reported_kinds():
    found = set()
    for part in ("services", "common"):
        for path in (ROOT / part).rglob("*.c"):
            text = path.read_text()
            for spot in re.findall(r"\.kind = ([^;,}]*)", text):
                found.update(re.findall(WORD, spot))
            for spot in re.findall(REPORTS, text):
                found.update(re.findall(WORD, spot)[:1])
            found.update(re.findall(TABLES, text))
    return found


def listed_kinds():
    text = (ROOT / "common" / "stage" / "event_kinds.c").read_text()
    table = re.search(r"kinds\[\] = \{(.*?)\};", text, re.S).group(1)
    return re.findall(WORD, table)


def test_the_table_of_event_kinds_is_what_the_code_reports():
    table = listed_kinds()
    assert table == sorted(set(table))
    assert set(table) == reported_kinds()


def test_events_of_the_manuals_are_in_the_table():
    for service in SERVICES:
        manual = (ROOT / "services" / service / "main.c").read_text()
        for events in re.findall(r"Events: (.*?)\n \*\n", manual, re.S):
            plain = re.sub(r"\([^)]*\)", "", events)
            kinds = re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", plain)
            assert set(kinds) <= set(listed_kinds()), service

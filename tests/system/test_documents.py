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

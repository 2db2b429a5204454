"""Writes the pages that are made from the examples: a page for each, the list of them, and the tables of the models.

usage: pages.py SOURCE MODELS_PROGRAM OUTPUT"""

import pathlib
import re
import subprocess
import sys

source, models, output = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
output.mkdir(parents=True)
PARTS = {"1_tutorial": "Tutorial", "2_guides": "Guides", "3_advanced": "Advanced"}


def intro(file):
    """The comment that an example begins with, as Markdown."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").removeprefix(" "))
    return "\n".join(lines) or "The smallest program: orders a video, waits for it and fetches it."


def first_sentence(text):
    return re.split(r"[.:](?:\s|$)", text, maxsplit=1)[0].replace("\n", " ")


listed = ["# Examples {#examples}\n"]
listed.append("`examples/run NAME` builds and runs one. Without `APIMART_API_KEY` it goes to an emulator in the same process.\n")
for folder, title in PARTS.items():
    listed.append(f"\n## {title}\n\n| Example | Shows |\n|---|---|")
    files = sorted((source / "examples" / folder).glob("*.cpp"))
    files.sort(key=lambda file: file.stem != "text_to_video")
    for file in files:
        name, text = file.stem, intro(file)
        listed.append(f"| @subpage example_{name} | {first_sentence(text)} |")
        place = f"examples/{folder}/{name}.cpp"
        (output / f"example_{name}.md").write_text(
            f"# {name} {{#example_{name}}}\n\n{text}\n\n```sh\nexamples/run {name}\n```\n\n`{place}`:\n\n@include {folder}/{name}.cpp\n"
        )
(output / "examples.md").write_text("\n".join(listed) + "\n")

tables = subprocess.run([models], capture_output=True, text=True, check=True).stdout
(output / "models.md").write_text(
    "# Models and parameters {#models}\n\n"
    "What each model accepts for each kind of generation, from the tables that the compiler and the validator use. `no effect` and\n"
    "`not said` are accepted from JSON with a warning.\n\n"
    "In C++ a model has its id with `_` between the words: `kling_3_0_turbo`, `veo_3_1_fast_official`. What is required goes into the\n"
    "constructor, in the order of the table; each other parameter has a setter of its name.\n\n" + re.sub(r"^#### (.*)$", lambda heading: "## " + heading[1].replace("`", ""), tables, flags=re.M)
)

# Every code, from the list that the enumerations are made of.
codes = ["# Codes {#codes}\n\nBranch on conditions, log codes: @ref errors.\n"]
rows = re.findall(
    r"((?:^///.*\n)+)APIMART_(\w+)\((\d+), (\w+), \"([^\"]*)\"((?:,\s*\w+)*)\)",
    (source / "include/apimart/errors/code_table.inc").read_text(),
    re.M,
)
for kind, about in {"ERRC": "errc: what the library reports", "API_ERRC": "api_errc: what the service reported", "CONDITION": "condition: what to branch on"}.items():
    codes.append(f"## {about}\n")
    for text, of, _, name, message, met in rows:
        if of == kind:
            meaning = " ".join(line.removeprefix("///").strip() for line in text.splitlines())
            conditions = [f"`condition::{each}`" for each in re.findall(r"\w+", met)]
            codes.append(f"### {name} {{#{kind.lower()}_{name}}}\n\n\"{message}\". {meaning}\n")
            codes.append(f"Meets {', '.join(conditions)}.\n" if conditions else "")
(output / "codes.md").write_text("\n".join(codes))
if len(rows) < 60:
    sys.exit(f"only {len(rows)} codes and conditions were found")

# What tests read from the README and the handbook is taken from there.
readme = (source / "README.md").read_text() + (source / ".docs/handbook.md").read_text()
sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", readme, re.M | re.S))
for heading, name in {"Does not compile": "mistakes", "Use it": "use_it", "Measured": "measured", "Limits": "limits"}.items():
    text = re.sub(r"^<!--.*-->$", "", sections[heading], flags=re.M).replace("\n### ", "\n## ")
    # Where doxygen would take an apostrophe for the end of what is in code.
    text = re.sub(r"(?<!`)`([^`\n]+)`(?!`)", lambda code: f"``{code[1]}``" if "'" in code[1] else code[0], text)
    (output / f"{name}.md").write_text(f"# {heading} {{#{name}}}\n{text}")

"""Looks at the pages that the target docs has built: every link within them leads somewhere, nothing that was to be shown is
missing, every name that the public headers document is found by the search, and no room of the library's own is shown.

usage: site.py SOURCE SITE"""

import html.parser
import pathlib
import re
import sys
import urllib.parse

source, site = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
wrong = []


class Page(html.parser.HTMLParser):
    def __init__(self, file):
        super().__init__()
        self.links, self.places = [], {""}
        text = file.read_text()
        self.feed(text)
        # Markup that was taken for words.
        wrong.extend(f"{file.name}: shows {mark}" for mark in (r"\ilinebr", "&lt;tt&gt;", "&lt;td", "@snippet", "@ref ") if mark in text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name"):
                self.places.add(value)
            elif name in ("href", "src", "data") and value:
                self.links.append(value)


pages = {file.name: Page(file) for file in (site / "html").glob("*.html")}
for name, page in pages.items():
    for link in page.links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        to = urllib.parse.unquote(parts.path) or name
        if not (site / "html" / to).exists():
            wrong.append(f"{name}: there is no {to}")
        elif to in pages and urllib.parse.unquote(parts.fragment) not in pages[to].places:
            wrong.append(f"{name}: {to} has no place {parts.fragment}")

for line in (site / "warnings.txt").read_text().splitlines():
    if ".md:" in line or re.search(r"snippet|not found for|unable to resolve|dot", line):
        wrong.append(line)

# What a docstring stands before, in the headers that users include.
found = "\n".join(file.read_text() for file in (site / "html/search").glob("all_*.js"))
headers = [file for folder in ("", "config", "errors", "parameter", "testing") for file in (source / "include/apimart" / folder).glob("*.hpp")]
names = set()
for header in headers:
    text = re.sub(r"^namespace detail \{.*?^\} // namespace detail", "", header.read_text(), flags=re.M | re.S)
    names |= set(re.findall(r"^ *///[^\n]*\n(?:template <[^\n]*>\n)?(?:enum class|class|struct|concept|using) (\w+)", text, re.M))
wrong += [f"the search does not know {name}" for name in sorted(names) if not re.search(rf"\['{name}[ '&(]", found)]
wrong += [f"{name} is no page for users" for name in pages if "_1_1detail" in name]

if not pages or not names:
    wrong.append("there is no page, or no name that a page should be about")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links, {len(names)} documented names")

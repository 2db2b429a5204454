#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What an editor offers after a request is what the tables accept, each with its comment, no more and no less.

usage: compare.py CLANG EXPECTED-PROGRAM WORK-FOLDER COMPILER-FLAG...

Asks Clang's completion engine once for each kind of generation of each model, and for storyboards before they are requests;
a precompiled header keeps that short. The lines of EXPECTED-PROGRAM say what must be offered.
"""

import os
import re
import subprocess
import sys

clang, program, work, *flags = sys.argv[1:]
os.makedirs(work, exist_ok=True)
here = os.path.dirname(os.path.abspath(__file__))
flags += ["-std=c++20"]
header = os.path.join(work, "pairs.pch")
subprocess.run([clang, *flags, "-x", "c++-header", os.path.join(here, "pairs.hpp"), "-o", header], check=True)

parameters = {}
pairs = []
for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
    what, rest = line.split(" ", 1)
    if what == "comment":
        name, text = rest.split(" ", 1)
        parameters[name] = text
    else:
        position, model, kind, *names = rest.split(" ")
        pairs.append((position, model, kind, set(names)))


def complete(before, expression):
    """The lines of Clang's completion engine at the end of the expression."""
    source = os.path.join(work, "completed.cpp")
    text = f"{before}\n{expression}"
    with open(source, "w", encoding="utf-8") as file:
        file.write(text + "\n; }\n")
    at = f"{source}:2:{len(expression) + 1}"
    return subprocess.run(
        [clang, *flags, "-include-pch", header, "-fsyntax-only", "-Xclang", "-code-completion-brief-comments", "-Xclang",
         f"-code-completion-at={at}", source], capture_output=True, text=True, check=False).stdout.splitlines()


# What a request offers besides its setters.
others = {"extra_field", "body", "serialize", "extra_fields", "shots"}
failures = 0
told = set()


def fail(words):
    global failures
    failures += 1
    print(words)


def check_members(title, lines, expected):
    offered = {}
    for line in lines:
        found = re.match(r"COMPLETION: (\w+)(?: \(([\w,]+)\))? : (.*)", line)
        if not found or found[3].endswith("::"):
            continue
        if found[2] and ("Inaccessible" in found[2] or "Hidden" in found[2]):
            continue
        offered[found[1]] = found[3]
    names = set(offered) - others
    for name in sorted(expected - names):
        fail(f"{title}: {name} is accepted, but not offered")
    for name in sorted(names - expected):
        fail(f"{title}: {name} is offered, but not accepted")
    for name in sorted(names & expected):
        comment = offered[name].split(" : ", 1)[-1]
        if comment.strip() != parameters[name] and name not in told:
            told.add(name)
            fail(f"{title}: the comment of {name} in request/setters.inc is\n  {comment}\nand the tables say\n  {parameters[name]}")
    return len(names)


def check_constructor(title, lines, names):
    shown = [re.findall(r" (\w+)(?:#>)?(?:, |\)$)", line.split("(", 1)[1]) for line in lines if line.startswith("OVERLOAD: ")]
    if names not in shown:
        fail(f"{title}: no constructor names {', '.join(names)}: {shown}")


constructors = {
    ("kling-3.0-turbo", "text_to_video"): ["prompt"],
    ("kling-3.0-turbo", "image_to_video"): ["first_frame_image"],
    ("kling-v3", "text_to_video"): ["prompt"],
    ("kling-v3", "image_to_video"): ["prompt", "image_url_1"],
    ("kling-v3", "intelligent_storyboard"): ["prompt"],
    ("kling-v3-omni", "text_to_video"): ["prompt"],
    ("kling-v3-omni", "image_reference"): ["prompt", "image_url_1"],
    ("kling-v2-6-motion-control", "motion_control"): ["image_url", "video_url", "character_orientation", "mode"],
    ("kling-v3-motion-control", "motion_control"): ["image_url", "video_url", "character_orientation", "mode"],
    ("veo3.1-fast-official", "text_to_video"): ["prompt"],
    ("veo3.1-fast-official", "image_to_video"): ["prompt", "first_frame_image"],
    ("veo3.1-quality-official", "text_to_video"): ["prompt"],
    ("veo3.1-quality-official", "image_to_video"): ["prompt", "first_frame_image"],
}

count = 0
for position, model, kind, expected in pairs:
    type_name = f"apimart::request<completion::model<{position}>, apimart::kind::{kind}>"
    count += check_members(f"{model} {kind}", complete(f"void f({type_name}& r) {{", "static_cast<decltype(r)&&>(r)."),
                           expected)
    count += check_members(f"{model} {kind} of a temporary",
                           complete(f"void f({type_name}&& r) {{", "static_cast<decltype(r)>(r)."), expected)
    if kind == "storyboard":
        count += check_members(f"{model} {kind} before it is a request",
                               complete(f"void f(completion::draft<{position}> const& r) {{", "r."), expected)
    else:
        check_constructor(f"{model} {kind}", complete("void f() {", f"{type_name}("), constructors[model, kind])

if not pairs or not count:
    fail("nothing was compared")
print(f"{len(pairs)} pairs, {count} setters offered")
sys.exit(1 if failures else 0)

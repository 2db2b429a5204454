"""Takes the ways into somebody's project that README.md shows, with its own lines, without a network.

usage: ways_in.py CASE --source FOLDER --work FOLDER --programs FOLDER --compiler PATH [--launcher PATH]

The source is copied, so that nothing is written into it. Lines for the root user run for a folder instead; what apt would do is
simulated; the package managers that are not there are replaced by the part of them that a recipe calls.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

LIGHT = "-O0 -g0"  # what is optimised or debugged is not what is tested
STRICT = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor"


class Failed(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Failed(what)


class Readme:
    """The code blocks of the section "Use it" and of what the handbook says to that, by their language."""

    def __init__(self, source):
        section = re.search(r"^## Use it$(.*?)^## ", (source / "README.md").read_text(), re.MULTILINE | re.DOTALL).group(1)
        section += re.search(r"^## The account and the models$.*", (source / ".docs/handbook.md").read_text(), re.MULTILINE | re.DOTALL)[0]
        self.blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        self.lines = [line for language, text in self.blocks if language == "sh" for line in text.splitlines()]

    def block(self, language, containing=""):
        found = [text for its, text in self.blocks if its == language and containing in text]
        need(len(found) == 1, f"README.md has {len(found)} {language} blocks with '{containing}', not one")
        return found[0]

    def line(self, start):
        found = [line for line in self.lines if line.startswith(start)]
        need(len(found) == 1, f"README.md has {len(found)} lines that begin with '{start}', not one")
        return found[0]


class Way:
    def __init__(self, options):
        self.options = options
        self.work = options.work / options.case
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.readme = Readme(options.source)
        self.version = ".".join(
            re.findall(r"^#define APIMART_VERSION_\w+ (\d+)$", (options.source / "include/apimart/version.hpp").read_text(), re.M)
        )
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("APIMART_", "CXX", "LD", "MAKE", "PKG_CONFIG", "SSL_CERT"))
        }
        self.environment |= {
            "CXX": str(options.compiler),
            "CXXFLAGS": LIGHT,
            "CMAKE_CXX_COMPILER_LAUNCHER": options.launcher,
        }

    def run(self, command, where=None, fails=False, **variables):
        """A list, or a line for the shell."""
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            cwd=where or self.work,
            env=self.environment | {name: str(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        need((done.returncode != 0) == fails, f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def copy_of_source(self):
        copy = self.work / "apimart"
        shutil.copytree(self.options.source, copy, ignore=shutil.ignore_patterns("build*", ".git", "out", ".cache", "results"))
        return copy

    def server(self, lines, **variables):
        """A project of one program, the README's smallest, with these lines about apimart."""
        project = self.work / "server"
        project.mkdir()
        shutil.copy(self.options.source / "examples/1_tutorial/text_to_video.cpp", project / "server.cpp")
        (project / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.25)\nproject(server LANGUAGES CXX)\nadd_executable(server server.cpp)\n{lines}"
        )
        self.run(["cmake", "-B", "build", *(f"-D{name}={value}" for name, value in variables.items())], project)
        return project

    def configured_package(self):
        """The README's first command, in a copy of the source, where neither the tests' nor the examples' libraries are."""
        source = self.copy_of_source()
        absent = "".join(f" -D CMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("CLI11", "doctest", "Python3", "CURL"))
        said = self.run(self.readme.line("cmake -B build/package") + absent, source)
        for left_out in ("the examples are left out, because CLI11 is not there", "the tests are left out, because doctest is not"):
            need(left_out in said, f"it was not said that {left_out}:\n{said}")
        return source

    def is_simulated_by_apt(self, line, where=None):
        system = Path("/etc/os-release")
        if not system.exists() or 'VERSION_ID="12"' not in system.read_text() or not shutil.which("apt-get"):
            print(f"no Debian 12, not simulated: {line}")
            return
        need(line.startswith("sudo apt-get install "), f"another command for apt: {line}")
        self.run(line.removeprefix("sudo ").replace("install", "install --simulate", 1), where)

    def makes_a_video(self, program):
        """Runs the README's smallest program against the emulator."""
        emulator = subprocess.Popen(
            [self.options.programs / "emulator", "--ca-out", self.work / "ca.pem", "--speed", "1000"], stdout=subprocess.PIPE, text=True
        )
        try:
            url = emulator.stdout.readline().removeprefix("ready ").strip()
            said = self.run([program], APIMART_API_KEY="any", APIMART_BASE_URL=url, SSL_CERT_FILE=self.work / "ca.pem")
        finally:
            emulator.terminate()
            emulator.wait()
        need(said == "corgi.mp4 is here\n", f"the program says something else: {said}")


def case_every_line_is_taken(way):
    """A line that no case takes is tested by nobody."""
    taken = (
        "sudo apt-get install g++",
        "cmake -B build/package",
        "sudo cmake --install build/package",
        "cpack ",
        "sudo apt-get install ./build/package/",
        "vcpkg install apimart ",
        "conan create ",
        "build/release/examples/emulator ",
        "APIMART_API_KEY=any build/release/examples/batch_submit ",
    )
    for start in taken:
        way.readme.line(start)
    others = [line for line in way.readme.lines if not line.startswith(taken)]
    need(not others, f"no case takes {others}")
    kinds = [language for language, _ in way.readme.blocks]
    need(sorted(set(kinds)) == ["cmake", "cpp", "make", "sh"] and kinds.count("cmake") == 2, f"no case takes one of {kinds}")


def case_packages_of_debian(way):
    way.is_simulated_by_apt(way.readme.line("sudo apt-get install g++"))


def case_installed(way):
    source = way.configured_package()
    line = way.readme.line("sudo cmake --install build/package")
    way.run(line.removeprefix("sudo "), source, DESTDIR=way.work / "root")
    project = way.server(way.readme.block("cmake", "find_package"), CMAKE_PREFIX_PATH=way.work / "root/usr/local")
    way.run(["cmake", "--build", "build"], project)
    way.makes_a_video(project / "build/server")


def case_debian_package_and_make(way):
    source = way.configured_package()
    way.run(way.readme.line("cpack "), source)
    install = way.readme.line("sudo apt-get install ./")
    package = source / install.split()[-1]
    need(package.name == f"libapimart-dev_{way.version}_all.deb", f"another version: {package.name}")
    need(package.exists(), f"{package} was not made")
    way.is_simulated_by_apt(install, source)
    root = way.work / "root"
    way.run(["dpkg-deb", "--extract", package, root])

    project = way.work / "server"
    project.mkdir()
    (project / "Makefile").write_text(way.readme.block("make"))
    shutil.copy(source / "examples/1_tutorial/text_to_video.cpp", project / "server.cpp")
    way.run("make server", project, PKG_CONFIG_PATH=root / "usr/share/pkgconfig")
    way.makes_a_video(project / "server")


def case_fetch_content(way):
    """A library of somebody who installs and exports it, with warnings of a strict kind, and somebody who uses that."""
    source = way.copy_of_source()
    project = way.work / "server"
    project.mkdir()
    (project / "server.cpp").write_text(
        "#include <apimart/error.hpp>\nint server();\nint server() { return apimart::error_info().code().value(); }\n"
    )
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(server LANGUAGES CXX)\nadd_library(server STATIC server.cpp)\n"
        + "set_property(TARGET server PROPERTY OPTIMIZE_DEPENDENCIES ON)\n"
        + way.readme.block("cmake", "FetchContent")
        + "target_link_libraries(server PUBLIC apimart::apimart)\n"
        + "install(TARGETS server EXPORT server)\n"
        + "install(EXPORT server FILE server-config.cmake NAMESPACE server:: DESTINATION lib/cmake/server)\n"
    )
    strict = f"{LIGHT} -Werror {STRICT}" + (" -Wuseless-cast" if "clang" not in str(way.options.compiler) else "")
    way.run(
        ["cmake", "-B", "build", "-G", "Ninja", f"-DFETCHCONTENT_SOURCE_DIR_APIMART={source}", f"-DCMAKE_CXX_FLAGS={strict}",
         "-DCMAKE_INSTALL_PREFIX=" + str(way.work / "prefix")],
        project,
    )
    said = way.run(["cmake", "--build", "build", "--verbose"], project)
    need(f"-isystem {source}/include" in said, f"the headers are no system headers:\n{said}")
    need("apimart_compiled.cpp" not in said, f"what nobody links was compiled:\n{said}")
    need(not list((project / "build").rglob("VerifyGlobs.cmake")), "every build looks for new files of apimart")
    rules = (project / "build/build.ninja").read_text()
    need("apimart_development" not in rules and "_deps/apimart-build/tests" not in rules, "apimart brings its own programs along")
    way.run(["cmake", "--install", "build"], project)
    need(not (way.work / "prefix/include").exists(), "apimart was installed unasked")

    user = way.work / "user"
    user.mkdir()
    (user / "main.cpp").write_text("int server();\nint main() { return server(); }\n")
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES CXX)\nadd_subdirectory(apimart)\n"
        "find_package(server REQUIRED)\nadd_executable(user main.cpp)\ntarget_link_libraries(user PRIVATE server::server)\n"
    )
    (user / "apimart").symlink_to(source)
    way.run(["cmake", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={way.work / 'prefix'}"], user)
    need("libapimart_compiled.a" in way.run(["ninja", "-C", "build", "-t", "commands", "user"], user), "compiled is not linked")


def case_install_along(way):
    """With APIMART_INSTALL, the package is there for those who use what somebody else has installed."""
    source = way.copy_of_source()
    project = way.work / "other"
    project.mkdir()
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(other LANGUAGES CXX)\nset(APIMART_INSTALL ON)\n"
        f'add_subdirectory("{source}" apimart)\n'
    )
    way.run(["cmake", "-B", "build"], project)
    way.run(["cmake", "--install", "build", "--prefix", way.work / "prefix"], project)
    way.server(way.readme.block("cmake", "find_package"), CMAKE_PREFIX_PATH=way.work / "prefix")


VCPKG = """
cmake_minimum_required(VERSION 3.25)
function(vcpkg_cmake_configure)
  cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
  execute_process(COMMAND cmake -S ${arg_SOURCE_PATH} -B build -D CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS}
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_install)
  execute_process(COMMAND cmake --install build COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(arg "" "CONFIG_PATH" "" ${ARGN})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*)
  file(COPY ${files} DESTINATION ${CURRENT_PACKAGES_DIR}/share/apimart)
  file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/share/cmake)
  set(config ${CURRENT_PACKAGES_DIR}/share/apimart/apimart-config.cmake)
  file(READ ${config} text)
  string(REPLACE "LIST_DIR}/../../../" "LIST_DIR}/../../" text "${text}")
  file(WRITE ${config} "${text}")
endfunction()
function(vcpkg_fixup_pkgconfig)
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
  file(COPY_FILE ${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/apimart/copyright)
endfunction()
include(${CURRENT_PORT_DIR}/portfile.cmake)
"""


def case_vcpkg(way):
    line = way.readme.line("vcpkg install apimart ")
    source = way.copy_of_source()
    if shutil.which("vcpkg"):
        way.run(line, source)
        return
    port = source / re.search(r"--overlay-ports=(\S+)", line).group(1) / "apimart"
    manifest = json.loads((port / "vcpkg.json").read_text())
    need(manifest["version"] == way.version, f"vcpkg.json has another version: {manifest['version']}")
    modules = {f"boost-{each}" for each in boost_modules(source)}
    absent = modules - set(map(str, (each for each in manifest["dependencies"] if isinstance(each, str))))
    need(not absent, f"vcpkg.json does not name {absent}")
    (way.work / "vcpkg.cmake").write_text(VCPKG)
    prefix = way.work / "packages"
    way.run(["cmake", f"-DCURRENT_PORT_DIR={port}", f"-DCURRENT_PACKAGES_DIR={prefix}", "-DPORT=apimart", "-P", "vcpkg.cmake"])
    need((prefix / "share/apimart/copyright").exists() and not (prefix / "share/cmake").exists(), "not where vcpkg has it")
    way.server(way.readme.block("cmake", "find_package"), CMAKE_PREFIX_PATH=prefix)


def boost_modules(source):
    """Those whose headers are included; version.hpp belongs to none."""
    found = set()
    for path in (source / "include").rglob("*"):
        if path.is_file():
            found |= set(re.findall(r"^#include <boost/(\w+)[/.]", path.read_text(), re.MULTILINE))
    return found - {"version"}


def case_conan(way):
    line = way.readme.line("conan create ")
    source = way.copy_of_source()
    if shutil.which("conan"):
        way.run(line, source)
        return
    folder = source / line.split()[2]
    sources, package = way.work / "sources", way.work / "package"

    def copy(_, pattern, src, dst):
        found = list(Path(src).resolve().glob(pattern.removesuffix("*") + "**/*" if pattern.endswith("/*") else pattern))
        need(found, f"there is no {pattern}")
        for path in filter(Path.is_file, found):
            target = Path(dst) / path.relative_to(Path(src).resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)

    class CMake:
        def __init__(self, recipe):
            pass

        def configure(self):
            off = [f"-D{name}={value}" for name, value in CMakeToolchain.cache_variables.items()]
            way.run(["cmake", "-S", sources, "-B", "build", f"-DCMAKE_INSTALL_PREFIX={package}", *off])

        def install(self):
            way.run(["cmake", "--install", "build"])

    class CMakeToolchain:
        cache_variables = {}

        def __init__(self, recipe):
            pass

        def generate(self):
            pass

    class Recorder:
        def __init__(self):
            self.properties = {}

        def set_property(self, name, value):
            self.properties[name] = value

        def clear(self):
            pass

    class ConanFile:
        def __init__(self):
            self.recipe_folder, self.export_sources_folder = str(folder), str(sources)
            self.required, self.info, self.cpp_info = [], Recorder(), Recorder()

        def requires(self, reference, **_):
            self.required.append(reference)

    def module(name, **content):
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(content)

    nothing = lambda *_: None
    module("conan", ConanFile=ConanFile)
    module("conan.tools")
    module("conan.tools.build", check_min_cppstd=lambda _, standard: need(standard == 20, f"not C++20: {standard}"))
    module("conan.tools.cmake", CMake=CMake, CMakeDeps=CMakeToolchain, CMakeToolchain=CMakeToolchain, cmake_layout=nothing)
    module("conan.tools.files", copy=copy, load=lambda _, path: Path(path).read_text())
    scope = {}
    exec(compile((folder / "conanfile.py").read_text(), "conanfile.py", "exec"), scope)
    recipe = scope["ApimartConan"]()
    for step in ("set_version", "export_sources", "layout", "requirements", "validate", "generate", "package", "package_id", "package_info"):
        getattr(recipe, step)()
    need(recipe.version == way.version, f"another version: {recipe.version}")
    need([each.split("/")[0] for each in recipe.required] == ["boost", "openssl"], f"requires {recipe.required}")
    configs = package / recipe.cpp_info.builddirs[0]
    need((configs / "apimart-config.cmake").exists(), f"no package in {configs}")
    way.server(way.readme.block("cmake", "find_package"), apimart_DIR=configs)


def case_emulator(way):
    """Both lines about the emulator, with the port that it prints."""
    programs = str(way.options.programs) + "/"
    start = way.readme.line("build/release/examples/emulator ").replace("build/release/examples/", programs)
    first = (way.options.source / "examples/documented-requests.jsonl").read_text().splitlines()[0]
    (way.work / "requests.jsonl").write_text(first + "\n")
    need(start.endswith(" &"), f"it does not run beside the next line: {start}")
    emulator = subprocess.Popen(["sh", "-c", "exec " + start.removesuffix(" &")], cwd=way.work, stdout=subprocess.PIPE, text=True)
    try:
        port = re.fullmatch(r"ready https://127\.0\.0\.1:(\d+)\n", emulator.stdout.readline()).group(1)
        line = way.readme.line("APIMART_API_KEY=any build/release/examples/batch_submit ")
        said = way.run(line.replace("build/release/examples/", programs).replace("PORT", port))
    finally:
        emulator.terminate()
        emulator.wait()
    need("1 of 1 line completed" in said, f"no video was made:\n{said}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    for name in ("source", "work", "programs", "compiler"):
        parser.add_argument(f"--{name}", type=lambda path: Path(path).absolute(), required=True)
    parser.add_argument("--launcher", default="")
    options = parser.parse_args()
    try:
        globals()[f"case_{options.case}"](Way(options))
    except Failed as failed:
        sys.exit(f"{options.case}: {failed}")


main()

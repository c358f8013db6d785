"""`headgate lint` as a user calls it."""

import json
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from delivery.cli.lint import lint

SOUND = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {headgate.dev/policy: standard}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/shop/web:1.4.0
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
        lifecycle: {preStop: {sleep: {seconds: 10}}}
"""
BESIDE = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop}
  spec: {selector: {app: web}, ports: [{port: 80}]}
- apiVersion: headgate.dev/v1alpha1
  kind: DeliveryPolicy
  metadata: {name: standard, namespace: shop}
  spec: {}
"""
WARNED = SOUND.replace("replicas: 2", "replicas: 1")
WRONG = SOUND.replace("web:1.4.0", "web:latest")

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(lint)


def call(*arguments: str | Path, stdin: str | None = None, **env: str) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], input=stdin, env={"COLUMNS": "200", **env})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deploy" / "app").mkdir(parents=True)
    (tmp_path / "deploy" / "app" / "web.yaml").write_text(SOUND)
    (tmp_path / "deploy" / "beside.yml").write_text(BESIDE)
    (tmp_path / "deploy" / "kustomization.yaml").write_text("resources: [app/web.yaml, beside.yml]\n")
    (tmp_path / "deploy" / ".cache").mkdir()
    (tmp_path / "deploy" / ".cache" / "old.yaml").write_text("{")
    (tmp_path / "deploy" / "README.md").write_text("nothing to lint")
    return tmp_path / "deploy"


def test_a_folder_is_looked_at_as_a_whole(folder: Path) -> None:
    done = call(folder)
    assert (done.exit_code, done.stdout) == (0, "3 objects: 0 errors, 0 warnings\n")


def test_files_are_looked_at_together(folder: Path) -> None:
    assert call(folder / "app" / "web.yaml").exit_code == 1  # its Service is in the other
    assert call(folder / "app" / "web.yaml", folder / "beside.yml").exit_code == 0


def test_standard_input_may_hold_several_documents(folder: Path) -> None:
    assert call("-", stdin=f"{SOUND}---\n{BESIDE}---\n").exit_code == 0
    assert call("-", folder / "beside.yml", stdin=SOUND).exit_code == 0


@pytest.mark.parametrize(
    ("text", "strict", "code"), [(SOUND, True, 0), (WARNED, False, 0), (WARNED, True, 1), (WRONG, False, 1)]
)
def test_the_exit_code_says_what_was_found(text: str, strict: bool, code: int) -> None:
    options = ["--strict"] if strict else []
    assert call("-", *options, stdin=f"{text}---\n{BESIDE}").exit_code == code


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_programs_get_every_field(form: str) -> None:
    done = call("-", "-o", form, stdin=f"{WRONG}---\n{BESIDE}")
    [finding] = json.loads(done.stdout) if form == "json" else yaml.safe_load(done.stdout)
    assert list(finding) == ["severity", "object", "path", "rule", "message"]
    assert finding["severity"] == "error"
    assert finding["path"] == "spec.template.spec.containers[0].image"


def test_nothing_found_is_an_empty_list() -> None:
    assert json.loads(call("-", "-o", "json", stdin=f"{SOUND}---\n{BESIDE}").stdout) == []


def test_the_table_shows_paths_as_they_are_and_keeps_to_no_color() -> None:
    labelled = SOUND.replace("matchLabels: {app: web}", "matchLabels: {app: web, version: '1'}")
    done = call("-", stdin=f"{labelled}---\n{BESIDE}", NO_COLOR="1", FORCE_COLOR="1")
    assert "Deployment shop/web: spec.selector.matchLabels[version]" in done.stdout
    assert "version-in-selector" in done.stdout
    assert done.stdout.endswith("3 objects: 1 errors, 0 warnings\n")
    assert "\x1b[3" not in done.stdout


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.yaml", None, "cannot be read: No such file or directory; correct path or rights"),
        ("broken.yaml", b"a: [1", "neither YAML nor JSON"),
        ("binary.yaml", b"\xff\xfe\x00", "is no text in UTF-8; give YAML or JSON"),
        ("deep.yaml", b"[" * 4000, "is no manifest (maximum recursion depth exceeded"),
        ("values.yaml", b"image: web", "document 1: apiVersion is missing or not text"),
        ("empty.yaml", b"---\n", "no Kubernetes object there; give what would be applied"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_names_the_file(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    done = call(file)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"headgate: {file}: ")
    assert said in done.stderr


def test_a_folder_without_manifests_is_no_clean_one(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"headgate: {tmp_path}: no .yaml, .yml or .json file in this folder")


def test_an_empty_pipe_is_no_clean_one() -> None:
    assert call("-", stdin="").exit_code == 2


def test_the_help_ends_with_an_example() -> None:
    lines = (lint.__doc__ or "").strip().splitlines()
    assert lines[-1].strip().startswith("Example: headgate lint ")

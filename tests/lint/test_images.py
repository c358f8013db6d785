"""What an image reference must say."""

import pytest

from tests.lint.objects import container, deployment, findings, found

IMAGE = "spec.template.spec.containers[0].image"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "image",
    [
        "web:1.4.0",
        "registry.example:5000/shop/web:1.4.0",
        "localhost:5000/web:build-17",
        f"registry.example/shop/web@{DIGEST}",
        f"registry.example:5000/shop/web:latest@{DIGEST}",
    ],
)
@pytest.mark.parametrize("pull", ["Always", "IfNotPresent", None])
def test_a_fixed_tag_or_a_digest_is_fine_however_it_is_pulled(image: str, pull: str | None) -> None:
    assert found(deployment(container(image=image, imagePullPolicy=pull))) == []


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        ("web", "image-without-tag"),
        ("registry.example:5000/shop/web", "image-without-tag"),  # the colon is the port's
        ("web:latest", "image-latest"),
        ("registry.example:5000/shop/web:latest", "image-latest"),
        ("Shop/Web:1", "image-unreadable"),
        ("web:", "image-unreadable"),
        ("web@sha256:12", "image-unreadable"),
        ("{{ .Values.image }}", "image-unreadable"),
        ("", "image-unreadable"),
        (None, "image-unreadable"),
        (7, "image-unreadable"),
    ],
)
def test_anything_else_is_one_error(image: object, rule: str) -> None:
    assert found(deployment(container(image=image))) == [(rule, IMAGE)]


def test_containers_that_run_first_are_looked_at_too() -> None:
    first = {"name": "migrate", "image": "migrate:latest"}
    assert found(deployment(pod={"initContainers": [first]})) == [
        ("image-latest", "spec.template.spec.initContainers[0].image")
    ]


def test_the_message_names_the_repository_and_the_fix() -> None:
    [finding] = findings(deployment(container(image="registry.example:5000/shop/web")))
    assert finding.message.startswith("registry.example:5000/shop/web has neither a tag nor a digest")
    assert "give it a tag" in finding.message


def test_a_pod_without_containers_is_said_to_be_one() -> None:
    assert found(deployment(pod={"containers": []})) == [("no-container", "spec.template.spec.containers")]

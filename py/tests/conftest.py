"""What every test here needs: a running Sinew, told by `cargo xtask test` in SINEW_URL and SINEW_KEY."""

import os

import openai
import pytest

# A request that takes longer has hung: a small model answers in far less.
TIMEOUT_S = 60.0


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set: run these tests with `cargo xtask test --only python`", returncode=2)
    return value


@pytest.fixture(scope="session")
def base_url() -> str:
    return setting("SINEW_URL").rstrip("/") + "/v1"


@pytest.fixture(scope="session")
def client(base_url: str) -> openai.OpenAI:
    # No retries: a test that passes at the second try would hide the first.
    return openai.OpenAI(base_url=base_url, api_key=setting("SINEW_KEY"), timeout=TIMEOUT_S, max_retries=0)


@pytest.fixture(scope="session")
def model(client: openai.OpenAI) -> str:
    """The model that the demo has trained and released."""
    return client.models.list().data[0].id

"""The official OpenAI SDK, as it comes from PyPI, talks to Sinew as it stands."""

import openai
import pytest

GREETING = [{"role": "user", "content": "hello"}]


def test_models_are_listed(client, model):
    models = client.models.list().data
    assert [each.object for each in models] == ["model"] * len(models)
    assert client.models.retrieve(model).id == model


def test_a_chat_is_answered(client, model):
    answer = client.chat.completions.create(model=model, messages=GREETING, max_tokens=16, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.model == model
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert 0 < usage.completion_tokens <= 16
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_stream_says_the_same_as_one_answer(client, model):
    asked = {"model": model, "messages": GREETING, "max_tokens": 16, "temperature": 0}
    whole = client.chat.completions.create(**asked).choices[0]
    chunks = list(client.chat.completions.create(stream=True, **asked))
    parts = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(part.delta.content or "" for part in parts) == whole.message.content
    assert [part.finish_reason for part in parts if part.finish_reason] == [whole.finish_reason]
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_counts_its_tokens_when_asked(client, model):
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model=model, messages=GREETING, max_tokens=8, stream=True, stream_options=options
    )
    usages = [chunk.usage for chunk in stream if chunk.usage]
    assert len(usages) == 1
    assert usages[0].completion_tokens > 0


def test_a_seed_repeats_an_answer(client, model):
    def asked() -> str:
        answer = client.chat.completions.create(
            model=model, messages=GREETING, max_tokens=16, temperature=1.0, seed=7
        )
        return answer.choices[0].message.content

    assert asked() == asked()


def test_a_wrong_key_is_refused(base_url, model):
    stranger = openai.OpenAI(base_url=base_url, api_key="not-a-key", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model=model, messages=GREETING)


def test_a_wrong_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as refusal:
        client.chat.completions.create(model="no-such-model", messages=GREETING)
    assert "no-such-model" in str(refusal.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": [{"role": "nobody", "content": "hello"}]},
        {"messages": GREETING, "max_tokens": -1},
        {"messages": GREETING, "temperature": -1.0},
        {"messages": GREETING, "extra_body": {"no_such_field": 1}},
    ],
    ids=["no messages", "unknown role", "negative tokens", "negative temperature", "unknown field"],
)
def test_bad_input_is_refused(client, model, wrong):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model=model, **wrong)
    assert refusal.value.message

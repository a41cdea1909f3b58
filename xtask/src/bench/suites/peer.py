"""lm-evaluation-harness asks the same items through the same endpoint; prints its shares as JSON.

usage: peer.py MODEL.gguf URL NAME FOLDER SUITE...
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import gguf
import lm_eval
from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def save_tokenizer(model, folder):
    """The vocabulary of a GGUF file of the SmolLM family, as transformers reads it."""
    fields = gguf.GGUFReader(model).fields
    read = lambda name: fields["tokenizer.ggml." + name].contents()
    tokens, merges, kinds = read("tokens"), read("merges"), read("token_type")
    vocabulary = {token: place for place, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(merge.split(" ")) for merge in merges]))
    digits, letters = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, letters])
    tokenizer.decoder = decoders.ByteLevel()
    control = int(gguf.TokenType.CONTROL)
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == control])
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    end = tokens[read("eos_token_id")]
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": end, "bos_token": tokens[read("bos_token_id")]}
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump(config, file)


def task(folder, suite):
    """A suite as the harness describes one: likelihoods of choices, or of the words that follow."""
    path = os.path.join(folder, suite + ".jsonl")
    with open(path) as file:
        first = json.loads(file.readline())
    common = {
        "task": suite,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": path}},
        "test_split": "test",
        "num_fewshot": 0,
        "target_delimiter": " ",
    }
    metric = lambda name: {"metric": name, "aggregation": "mean", "higher_is_better": True}
    if "choices" in first:
        return common | {
            "output_type": "multiple_choice",
            "doc_to_text": "{{query.rstrip()}}",
            "doc_to_choice": "choices",
            "doc_to_target": "gold",
            "metric_list": [metric("acc"), metric("acc_norm")],
        }
    return common | {
        "output_type": "loglikelihood",
        "doc_to_text": "context",
        # Between these two the harness puts nothing by itself.
        "doc_to_target": "{{' ' + continuation.lstrip()}}",
        "metric_list": [metric("acc")],
    }


def main():
    model, url, name, folder, *suites = sys.argv[1:]
    words = os.path.join(folder, "tokenizer")
    save_tokenizer(model, words)
    place = f"base_url={url}/completions,tokenizer={words},tokenizer_backend=huggingface"
    found = lm_eval.simple_evaluate(
        model="local-completions",
        model_args=f"model={name},{place},num_concurrent=2,max_length=2048",
        tasks=[task(folder, suite) for suite in suites],
        batch_size=16,
        bootstrap_iters=0,
        log_samples=False,
    )
    names = {"acc,none": "acc", "acc_norm,none": "acc_norm"}
    shares = {
        suite: {names[key]: value for key, value in found["results"][suite].items() if key in names} for suite in suites
    }
    print("FOUND " + json.dumps(shares))


main()

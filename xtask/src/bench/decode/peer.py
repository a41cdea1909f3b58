"""llama.cpp as the peer of the benchmarks `decode`, `first-token` and `parity`; prints one JSON line.

peer.py MODEL THREADS load|speed|greedy|loss|tokens|quantise [FILE]
"""

import json
import math
import sys
import time

BEGIN = time.perf_counter()

import llama_cpp as llama
import numpy

SILENT = llama.llama_log_callback(lambda *_: None)


class Peer:
    def __init__(self, path, threads):
        params = llama.llama_model_default_params()
        self.model = llama.llama_model_load_from_file(path.encode(), params)
        wanted = llama.llama_context_default_params()
        wanted.n_ctx, wanted.n_batch, wanted.n_ubatch, wanted.n_seq_max = 8192, 512, 512, 8
        wanted.n_threads = wanted.n_threads_batch = threads
        self.context = llama.llama_init_from_model(self.model, wanted)
        self.words = llama.llama_model_get_vocab(self.model)
        self.size = llama.llama_vocab_n_tokens(self.words)
        self.memory = llama.llama_get_memory(self.context)

    def clear(self):
        llama.llama_memory_clear(self.memory, True)

    def read(self, rows):
        """Rows are (token, position, conversation, whether logits are wanted)."""
        batch = llama.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for index, (token, position, conversation, wanted) in enumerate(rows):
            batch.token[index], batch.pos[index] = token, position
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, conversation
            batch.logits[index] = wanted
        code = llama.llama_decode(self.context, batch)
        llama.llama_batch_free(batch)
        assert code == 0, code

    def logits(self, index):
        place = llama.llama_get_logits_ith(self.context, index)
        return numpy.ctypeslib.as_array(place, shape=(self.size,))


def speed(peer):
    prompt = [20 + (index * 7919 + 104_729) % (peer.size - 20) for index in range(512)]
    begin = time.perf_counter()
    peer.read([(token, index, 0, index == 511) for index, token in enumerate(prompt)])
    found = {"prefill": 512 / (time.perf_counter() - begin)}
    for count, name in ((1, "decode"), (8, "batch8")):
        peer.clear()
        tokens = [20 + (index * 7919 + 5 * 104_729) % (peer.size - 20) for index in range(count)]
        for step in range(68):
            if step == 4:
                begin = time.perf_counter()
            peer.read([(token, step, index, True) for index, token in enumerate(tokens)])
            tokens = [int(peer.logits(index).argmax()) for index in range(count)]
        found[name] = 64 * count / (time.perf_counter() - begin)
    return found


def greedy(peer, prompts):
    answers = []
    for prompt in prompts:
        peer.clear()
        rows, answer = prompt, []
        place = 0
        while len(answer) < 256:
            peer.read([(token, place + index, 0, index == len(rows) - 1) for index, token in enumerate(rows)])
            place += len(rows)
            rows = [int(peer.logits(len(rows) - 1).argmax())]
            answer += rows
            if llama.llama_vocab_is_eog(peer.words, rows[0]):
                break
        answers.append(answer)
    return answers


def loss(peer, rows):
    total, count = 0.0, 0
    for row in rows:
        peer.clear()
        for first in range(0, len(row) - 1, 512):
            part = row[first : min(first + 512, len(row) - 1)]
            peer.read([(token, first + index, 0, True) for index, token in enumerate(part)])
            for index in range(len(part)):
                logits = peer.logits(index).astype(numpy.float64)
                top = logits.max()
                total += math.log(numpy.exp(logits - top).sum()) - (logits[row[first + index + 1]] - top)
                count += 1
    return {"loss": total / count, "tokens": count}


def tokens(peer, texts):
    found = []
    for text in texts:
        raw = text.encode()
        room = (llama.llama_token * (len(raw) + 8))()
        count = llama.llama_tokenize(peer.words, raw, len(raw), room, len(room), False, False)
        found.append(list(room[:count]))
    return found


def main():
    path, threads, task, *rest = sys.argv[1:]
    llama.llama_backend_init()
    llama.llama_log_set(SILENT, None)
    if task == "quantise":
        params = llama.llama_model_quantize_default_params()
        params.ftype, params.allow_requantize, params.nthread = 2, True, int(threads)
        assert llama.llama_model_quantize(path.encode(), rest[0].encode(), params) == 0
        return print(json.dumps({}))
    peer = Peer(path, int(threads))
    if task == "load":
        peer.read([(1, 0, 0, False), (2, 1, 0, False), (3, 2, 0, True)])
        peer.logits(2)
        return print(json.dumps({"first_token_s": time.perf_counter() - BEGIN}))
    if task == "speed":
        return print(json.dumps(speed(peer)))
    lines = open(rest[0], encoding="utf-8").read().splitlines()
    if task == "tokens":
        return print(json.dumps(tokens(peer, [json.loads(line) for line in lines])))
    rows = [[int(word) for word in line.split()] for line in lines]
    print(json.dumps({"greedy": greedy, "loss": loss}[task](peer, rows)))


main()

#!/usr/bin/env python3
"""Golden vectors of made models: llama, qwen2 and qwen3 against PyTorch transformers, and the causal layout with selection
against spec/msa.md section 2 in plain numpy.

    python test/golden/make_tiny.py

Needs numpy, torch, transformers; two minutes. The weights follow from a formula that native/selftest/tiny_model.cpp repeats.

tiny.json.gz
  dense: per architecture 300 token ids (the same for all) and every 37th hidden state after the final norm.
  causal: 40 blocks of tokens, block 0 the prefix, the last 130 tokens the conversation; index source `keys`. Per probed row
          its hidden state and, per layer and group, the selected blocks and the margin to the next one; up to 16 visible
          blocks the same rows come from transformers as well (`dense`).
"""
import gzip
import json
import pathlib

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

HERE = pathlib.Path(__file__).parent
LAYERS, WIDTH, FFN, HEADS, GROUPS, HEAD, VOCAB = 2, 64, 96, 4, 2, 64, 260
THETA, EPS, BLOCK, TOPK = 10000.0, 1e-5, 128, 16
M64 = (1 << 64) - 1


def splitmix64(state):
    with np.errstate(over="ignore"):
        z = state + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def values(name, shape, scale, around=0.0):
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & M64
    with np.errstate(over="ignore"):
        bits = splitmix64(np.uint64(seed) + np.arange(np.prod(shape), dtype=np.uint64))
    unit = (bits >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1
    out = (unit * np.float64(np.float32(scale))).astype(np.float32).reshape(shape)
    return out + np.float32(around) if around else out


def tokens(seed, count):
    with np.errstate(over="ignore"):
        return (splitmix64((np.uint64(seed) << np.uint64(32)) + np.arange(count, dtype=np.uint64)) >> np.uint64(56)).astype(int).tolist()


def weights(arch):
    """GGUF names -> arrays, as tiny_gguf writes them (q and k of llama: rotary pairs interleaved)."""
    q, kv = HEADS * HEAD, GROUPS * HEAD
    w = {}
    matrix = lambda name, rows, cols: w.__setitem__(name, values(name, (rows, cols), np.sqrt(np.float32(3) / np.float32(cols))))
    vector = lambda name, count, around: w.__setitem__(name, values(name, (count,), 0.25, around))
    matrix("token_embd.weight", VOCAB, WIDTH)
    vector("output_norm.weight", WIDTH, 1.0)
    for i in range(LAYERS):
        b = f"blk.{i}."
        vector(b + "attn_norm.weight", WIDTH, 1.0)
        vector(b + "ffn_norm.weight", WIDTH, 1.0)
        for name, rows, cols in (("attn_q", q, WIDTH), ("attn_k", kv, WIDTH), ("attn_v", kv, WIDTH), ("attn_output", WIDTH, q), ("ffn_gate", FFN, WIDTH), ("ffn_up", FFN, WIDTH), ("ffn_down", WIDTH, FFN)):
            matrix(b + name + ".weight", rows, cols)
        if arch == "qwen2":
            for name, rows in (("attn_q", q), ("attn_k", kv), ("attn_v", kv)):
                vector(b + name + ".bias", rows, 0.0)
        if arch == "qwen3":
            vector(b + "attn_q_norm.weight", HEAD, 1.0)
            vector(b + "attn_k_norm.weight", HEAD, 1.0)
    if arch == "llama":
        for name in w:
            if ".attn_q." in name or ".attn_k." in name:
                w[name] = w[name].reshape(-1, HEAD // 2, 2, WIDTH).swapaxes(1, 2).reshape(w[name].shape)
    return w


def torch_model(arch):
    w = weights(arch)
    config_type, model_type = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}[arch]
    config = config_type(
        vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=GROUPS, head_dim=HEAD,
        max_position_embeddings=8192, rms_norm_eps=EPS, rope_parameters={"rope_type": "default", "rope_theta": THETA}, tie_word_embeddings=False, attn_implementation="eager",
    )
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
    state = {"model.embed_tokens.weight": w["token_embd.weight"], "model.norm.weight": w["output_norm.weight"], "lm_head.weight": w["token_embd.weight"]}
    for name, value in w.items():
        if name.startswith("blk."):
            _, layer, ours, suffix = name.split(".")
            state[f"model.layers.{layer}.{names[ours]}.{suffix}"] = value
    model = model_type(config)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()}, strict=True)
    return model.eval()


def rms(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * weight


def rope(x):
    half = HEAD // 2
    angle = np.arange(len(x))[:, None] * (THETA ** (-np.arange(half) / half)).astype(np.float32).astype(np.float64)[None]
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return np.concatenate([x[..., :half] * c - x[..., half:] * s, x[..., half:] * c + x[..., :half] * s], -1)


def causal(ids, probed):
    """llama in fp64, every row over the blocks that it selects. -> hidden [T, D], {row: [layer][group] (blocks, margin)}."""
    w = {k: v.astype(np.float64) for k, v in weights("llama").items()}
    x, count = w["token_embd.weight"][np.array(ids)], len(ids)
    picked = {row: [] for row in probed}
    for i in range(LAYERS):
        at = lambda name: w[f"blk.{i}.{name}.weight"]
        h = rms(x, at("attn_norm"))
        q = rope((h @ at("attn_q").T).reshape(count, HEADS, HEAD)).reshape(count, GROUPS, HEADS // GROUPS, HEAD)
        k = rope((h @ at("attn_k").T).reshape(count, GROUPS, HEAD))
        v = (h @ at("attn_v").T).reshape(count, GROUPS, HEAD)
        out = np.empty((count, GROUPS, HEADS // GROUPS, HEAD))
        for row in picked:
            picked[row].append([])
        for g in range(GROUPS):
            query = q[:, g].mean(1)
            for row in range(count):
                own, seen = row // BLOCK, row + 1
                dots = k[:seen, g] @ query[row]
                scores = np.array([dots[b * BLOCK : (b + 1) * BLOCK].max() for b in range(own + 1)])
                order = np.lexsort((np.arange(own), -scores[:own]))          # score descending, id ascending; the local block is forced
                blocks = sorted(order[: TOPK - 1].tolist() + [own])
                if row in picked:
                    margin = float(scores[order[TOPK - 2]] - scores[order[TOPK - 1]]) if own > TOPK - 1 else None
                    picked[row][-1].append([blocks, margin])
                slots = np.concatenate([np.arange(b * BLOCK, min((b + 1) * BLOCK, seen)) for b in blocks])
                logits = q[row, g] @ k[slots, g].T / np.sqrt(HEAD)
                e = np.exp(logits - logits.max(-1, keepdims=True))
                out[row, g] = e / e.sum(-1, keepdims=True) @ v[slots, g]
        x = x + out.reshape(count, -1) @ at("attn_output").T
        h = rms(x, at("ffn_norm"))
        gate = h @ at("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ at("ffn_up").T)) @ at("ffn_down").T
    return rms(x, w["output_norm.weight"]), picked


def digits(row):
    return [float(f"{x:.7g}") for x in row]


def main():
    out = {"dense": {}, "causal": {}}
    ids = tokens(99, 300)
    with torch.inference_mode():
        for arch in ("llama", "qwen2", "qwen3"):
            hidden = torch_model(arch).model(torch.tensor([ids])).last_hidden_state[0]
            out["dense"][arch] = [digits(hidden[i].tolist()) for i in range(0, len(ids), 37)]
        out["ids"] = ids
        # <|im_start|>system\nRead.<|im_end|>\n, filled to a block with newlines inside the turn.
        prefix = [257, *b"system\nRead."]
        prefix += [10] * (BLOCK - len(prefix) - 2) + [258, 10]
        sequence = prefix + tokens(7, 39 * BLOCK)
        sequence = sequence[: 39 * BLOCK + 2]                                # 38 blocks, then 130 tokens of conversation
        probed = [200, 1000, 2047, 2048, 2175, 2500, 3333, 4000, 4863, 4864, 4900, 4991, 4992, 4993]
        hidden, picked = causal(sequence, probed)
        dense = torch_model("llama").model(torch.tensor([sequence[: TOPK * BLOCK]])).last_hidden_state[0].double().numpy()
        difference = np.abs(dense - hidden[: TOPK * BLOCK]).max()
        print("largest difference from transformers in the first 16 blocks", difference)
        assert difference < 1e-4
        out["causal"] = {"ids": sequence, "conversation": 130, "rows": [{"row": r, "hidden": digits(hidden[r]), "picked": picked[r]} for r in probed]}
    target = HERE / "tiny.json.gz"
    target.write_bytes(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), 9, mtime=0))
    print(target.name, target.stat().st_size, "bytes", min(m for r in picked.values() for l in r for g in l for m in [g[1]] if m is not None))


if __name__ == "__main__":
    main()

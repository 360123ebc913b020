"""Weights of a GGUF as fp32, under the names that transformers uses; shared by the makers of golden vectors."""
import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def halves(weight, heads):
    """llama.cpp stores llama's q and k rows as rotary pairs; transformers rotates halves."""
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def load(path):
    """-> (an fp32 CausalLM of transformers with the file's dequantised weights, the file's reader)."""
    reader = GGUFReader(path)
    arch = reader.fields["general.architecture"].contents()
    field = lambda key: reader.fields[arch + "." + key].contents()
    heads, groups, layers = field("attention.head_count"), field("attention.head_count_kv"), field("block_count")
    tensors = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).astype(np.float32)) for t in reader.tensors}
    kind = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}[arch]
    config = kind[0](
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=field("context_length"),
        rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")},
        tie_word_embeddings=False,
        attn_implementation="eager",
    )
    with torch.device("meta"):
        model = kind[1](config)
    state = {
        "model.embed_tokens.weight": tensors["token_embd.weight"],
        "model.norm.weight": tensors["output_norm.weight"],
        "lm_head.weight": tensors.get("output.weight", tensors["token_embd.weight"]),
    }
    for i in range(layers):
        for ours, theirs in NAMES.items():
            for suffix in ("weight", "bias"):
                tensor = tensors.get(f"blk.{i}.{ours}.{suffix}")
                if tensor is None:
                    continue
                if arch == "llama" and ours in ("attn_q", "attn_k"):
                    tensor = halves(tensor, heads if ours == "attn_q" else groups)
                state[f"model.layers.{i}.{theirs}.{suffix}"] = tensor
    model.load_state_dict(state, strict=True, assign=True)
    # Buffers made on the meta device have no values: build the rotary table again on the CPU.
    model.model.rotary_emb = type(model.model.rotary_emb)(config=config)
    return model.eval(), reader

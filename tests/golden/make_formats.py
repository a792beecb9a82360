"""make_formats.py -- makes tests/golden/formats: small files in the formats besides safetensors, with what is in them.

    python make_formats.py              writes formats/ beside this file, anew (a few seconds, 200 kB)

Run by a developer, once; tests/unit/test_torch.c and test_gguf.c read what it wrote. Made with Python 3.11, torch
2.15.0, numpy 2.4.6, safetensors 0.8.0 and gguf 0.19.0 (llama.cpp's own package). The numbers depend on the seeds below
alone.

    torch-2 … torch-5   pytorch_model.bin as torch.save writes it with that pickle protocol: every dtype, views that are
                        transposed, sliced, of one storage, parameters, tensors without numbers
    torch-sharded       the same tensors in two files, by pytorch_model.bin.index.json
    torch-legacy        as torch before 1.6 wrote it, which is refused
    torch-expected      model.safetensors: the same names, contiguous, in f32

    types.gguf          3 x 256 numbers in each type of ggml that is read
    types-expected      model.safetensors: what the gguf package makes of them
    bert                a model of one layer in the Hugging Face layout
    bert-f32.gguf, bert-f16.gguf (query, key and value in one), bert-q8_0.gguf      the same model
"""
import json
import os
import shutil

import gguf
import numpy as np
import safetensors.torch
import torch
from gguf import GGMLQuantizationType as Type, TokenType, quants

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, 'formats')


def place(*names):
    path = os.path.join(ROOT, *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


# ---- torch ----------------------------------------------------------------------------------------------------------

def state_dict():
    torch.manual_seed(4)
    linear = torch.nn.Linear(3, 2)
    state = linear.state_dict()  # an OrderedDict with _metadata, as a model's is
    wide = torch.randn(6, 10)
    state['tied'] = state['weight']
    state['half'] = torch.randn(4, 3).half()
    state['brain'] = torch.randn(5).bfloat16()
    state['double'] = torch.randn(2, 2).double()
    state['scalar'] = torch.tensor(3.25)
    state['none'] = torch.zeros(0, 3)
    state['transposed'] = torch.randn(7, 4).t()
    state['transposed_half'] = torch.randn(7, 4).half().t()
    state['sliced'] = wide[2:5]
    state['columns'] = wide[:, 3:7]
    state['every_second'] = wide[:, ::2]
    state['column'] = wide[:, 4]
    state['one_row'] = wide[3:4, ::1]
    state['parameter'] = torch.nn.Parameter(torch.randn(3))
    state['ids'] = torch.arange(5).unsqueeze(0)
    state['flag'] = torch.tensor([True, False])
    return state


def make_torch():
    state = state_dict()
    for protocol in (2, 3, 4, 5):
        torch.save(state, place(f'torch-{protocol}', 'pytorch_model.bin'), pickle_protocol=protocol)
    torch.save(state, place('torch-legacy', 'pytorch_model.bin'), _use_new_zipfile_serialization=False)
    names = list(state)
    shards = {'pytorch_model-00001-of-00002.bin': names[:8], 'pytorch_model-00002-of-00002.bin': names[8:]}
    for file, some in shards.items():
        torch.save({name: state[name] for name in some}, place('torch-sharded', file))
    with open(place('torch-sharded', 'pytorch_model.bin.index.json'), 'w') as f:
        json.dump({'metadata': {'total_size': 0},
                   'weight_map': {name: file for file, some in shards.items() for name in some}}, f, indent=1)
    real = {name: t.detach().float().contiguous().clone() for name, t in state.items() if t.is_floating_point()}
    safetensors.torch.save_file(real, place('torch-expected', 'model.safetensors'))


# ---- ggml's types ---------------------------------------------------------------------------------------------------

QUANTIZED = [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0]
# What the package reads but does not write: its bytes are random but for the f16 scales, which stand here.
SCALES = {Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,),
          Type.IQ4_NL: (0,), Type.IQ4_XS: (0,)}


def random_blocks(rng, kind, count):
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in SCALES[kind]:
        blocks[:, at:at + 2] = rng.normal(0, 0.02, count).astype(np.float16).view(np.uint8).reshape(count, 2)
    return blocks


def make_types():
    rng = np.random.default_rng(5)
    writer = gguf.GGUFWriter(place('types.gguf'), 'bert')
    expected = {}

    def add(kind, name, raw, numbers):
        writer.add_tensor(name, raw, raw_dtype=kind)
        expected[name] = torch.from_numpy(np.ascontiguousarray(numbers, dtype=np.float32))

    numbers = rng.normal(0, 0.05, (3, 256)).astype(np.float32)
    numbers[1, 32:64] = 0
    writer.add_tensor('F32', numbers)
    writer.add_tensor('F16', numbers.astype(np.float16))
    writer.add_tensor('F64', numbers.astype(np.float64) / 3)
    writer.add_tensor('I32', np.arange(8, dtype=np.int32))
    expected['F32'] = torch.from_numpy(numbers)
    expected['F16'] = torch.from_numpy(numbers.astype(np.float16).astype(np.float32))
    expected['F64'] = torch.from_numpy((numbers.astype(np.float64) / 3).astype(np.float32))
    for kind in [Type.BF16] + QUANTIZED:
        raw = quants.quantize(numbers, kind)
        add(kind, kind.name, raw, quants.dequantize(raw, kind))
    for kind in SCALES:
        per_block, size = gguf.GGML_QUANT_SIZES[kind]
        raw = random_blocks(rng, kind, 3 * 256 // per_block).reshape(3, 256 // per_block * size)
        add(kind, kind.name, raw, quants.dequantize(raw, kind).reshape(3, 256))
    finish(writer)
    safetensors.torch.save_file(expected, place('types-expected', 'model.safetensors'))


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- a model --------------------------------------------------------------------------------------------------------

SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
CONFIG = {'architectures': ['BertModel'], 'model_type': 'bert', 'hidden_act': 'gelu', 'hidden_size': 32,
          'intermediate_size': 64, 'layer_norm_eps': 1e-12, 'max_position_embeddings': 40, 'num_attention_heads': 4,
          'num_hidden_layers': 1, 'pad_token_id': 0, 'type_vocab_size': 2}


def vocabulary():
    letters = 'abcdefghijklmnopqrstuvwxyzé今天0123456789.,!?'
    words = ['the', 'river', 'train', 'station', 'letter', 'report', 'bridge', 'old']
    ends = ['##s', '##ing', '##er', '##ed', '##ly', '##', '##é']
    inner = ['##' + c for c in letters if c.isalpha() and c < '\u4e00' and c not in 'sé']
    return SPECIAL + list(letters) + inner + words + ends


def model_state(size):
    rng = np.random.default_rng(6)
    h, f = CONFIG['hidden_size'], CONFIG['intermediate_size']
    shapes = {'embeddings.word_embeddings.weight': (size, h),
              'embeddings.position_embeddings.weight': (CONFIG['max_position_embeddings'], h),
              'embeddings.token_type_embeddings.weight': (2, h)}
    layer = 'encoder.layer.0.'
    for name in ('embeddings.LayerNorm', layer + 'attention.output.LayerNorm', layer + 'output.LayerNorm'):
        shapes[name + '.weight'] = shapes[name + '.bias'] = (h,)
    matrices = {'attention.self.query': (h, h), 'attention.self.key': (h, h), 'attention.self.value': (h, h),
                'attention.output.dense': (h, h), 'intermediate.dense': (f, h), 'output.dense': (h, f)}
    for name, shape in matrices.items():
        shapes[f'{layer}{name}.weight'], shapes[f'{layer}{name}.bias'] = shape, shape[:1]
    state = {}
    for name, shape in shapes.items():
        scale = 0.6 if 'embeddings.' in name else 1 / np.sqrt(shape[-1])
        t = rng.normal(0, scale, shape)
        state[name] = (1 + t * 0.2 if name.endswith('LayerNorm.weight') else t).astype(np.float32)
    return state


def make_directory(pieces, state):
    with open(place('bert', 'config.json'), 'w') as f:
        json.dump({**CONFIG, 'vocab_size': len(pieces)}, f, indent=1)
    with open(place('bert', 'vocab.txt'), 'w', encoding='utf-8') as f:
        f.writelines(piece + '\n' for piece in pieces)
    with open(place('bert', 'tokenizer_config.json'), 'w') as f:
        json.dump({'do_lower_case': True, 'tokenizer_class': 'BertTokenizer'}, f, indent=1)
    safetensors.torch.save_file({k: torch.from_numpy(v) for k, v in state.items()}, place('bert', 'model.safetensors'))


def phantom(piece):
    """llama.cpp's spelling: a space before what begins a word, nothing before what goes on."""
    if piece in SPECIAL:
        return piece
    return piece[2:] if piece.startswith('##') else '\u2581' + piece


def make_gguf(file, pieces, state, kind, fused=False):
    writer = gguf.GGUFWriter(place(file), 'bert')
    writer.add_block_count(CONFIG['num_hidden_layers'])
    writer.add_context_length(32)
    writer.add_embedding_length(CONFIG['hidden_size'])
    writer.add_feed_forward_length(CONFIG['intermediate_size'])
    writer.add_head_count(CONFIG['num_attention_heads'])
    writer.add_layer_norm_eps(CONFIG['layer_norm_eps'])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_token_type_count(CONFIG['type_vocab_size'])
    writer.add_tokenizer_model('bert')
    writer.add_token_list([phantom(p) for p in pieces])
    writer.add_token_types([TokenType.CONTROL if p in SPECIAL else TokenType.NORMAL for p in pieces])
    for add, piece in ((writer.add_pad_token_id, '[PAD]'), (writer.add_unk_token_id, '[UNK]'),
                       (writer.add_bos_token_id, '[CLS]'), (writer.add_sep_token_id, '[SEP]'),
                       (writer.add_mask_token_id, '[MASK]')):
        add(pieces.index(piece))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, CONFIG['num_hidden_layers'])
    theirs = {names.get_name(name, try_suffixes=('.weight', '.bias')): t for name, t in state.items()}
    for suffix in ('weight', 'bias') if fused else ():
        parts = [theirs.pop(f'blk.0.attn_{part}.{suffix}') for part in 'qkv']
        theirs[f'blk.0.attn_qkv.{suffix}'] = np.concatenate(parts)
    for name, t in theirs.items():
        small = t.ndim == 1  # vectors stay f32, as llama.cpp leaves them
        writer.add_tensor(name, t if small else quants.quantize(t, kind), raw_dtype=Type.F32 if small else kind)
    finish(writer)


if __name__ == '__main__':
    shutil.rmtree(ROOT, ignore_errors=True)
    make_torch()
    make_types()
    pieces = vocabulary()
    state = model_state(len(pieces))
    make_directory(pieces, state)
    make_gguf('bert-f32.gguf', pieces, state, Type.F32)
    make_gguf('bert-f16.gguf', pieces, state, Type.F16, fused=True)
    make_gguf('bert-q8_0.gguf', pieces, state, Type.Q8_0)

"""From samples to GraphTensors: features as known, padding, encodings, hop trimming."""

from tfgnn_ext.tensors.component_ids import component_ids
from tfgnn_ext.tensors.example_batches import ExampleBatches
from tfgnn_ext.tensors.fit_input_spec import fit_input_spec
from tfgnn_ext.tensors.graph_tensors import GraphTensors, latent_node_sets
from tfgnn_ext.tensors.input_spec import FeatureInput, InputSpec
from tfgnn_ext.tensors.look_up_seeds import LookUpSeeds
from tfgnn_ext.tensors.parse_examples import ParseExamples
from tfgnn_ext.tensors.rounds import rounds
from tfgnn_ext.tensors.sampled_batches import SampledBatches
from tfgnn_ext.tensors.set_features import SetFeatures
from tfgnn_ext.tensors.size_budget import SizeBudget, fit_size_budget
from tfgnn_ext.tensors.trimming import keep_seeds, start_trimming, trim_to_receivers
from tfgnn_ext.tensors.vocabularies import vocabularies
from tfgnn_ext.tensors.whole_graph import WholeGraph, read_seeds
from tfgnn_ext.tensors.whole_graph_batches import WholeGraphBatches
from tfgnn_ext.tensors.whole_graph_spec import whole_graph_spec

__all__ = [
    "ExampleBatches",
    "FeatureInput",
    "GraphTensors",
    "InputSpec",
    "LookUpSeeds",
    "ParseExamples",
    "SampledBatches",
    "SetFeatures",
    "SizeBudget",
    "WholeGraph",
    "WholeGraphBatches",
    "component_ids",
    "fit_input_spec",
    "fit_size_budget",
    "keep_seeds",
    "latent_node_sets",
    "read_seeds",
    "rounds",
    "start_trimming",
    "trim_to_receivers",
    "vocabularies",
    "whole_graph_spec",
]

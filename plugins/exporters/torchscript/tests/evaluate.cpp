// Loads an exported model, and prints energy, forces and virial: evaluate MODEL.pt < STRUCTURE
// STRUCTURE: atoms, pairs; positions; numbers; cell; pairs one row after the other; shifts.
#include <torch/script.h>

#include <cstdio>
#include <iostream>
#include <vector>

template <typename T>
torch::Tensor read(std::vector<int64_t> shape) {
  torch::Tensor tensor = torch::empty(shape, c10::CppTypeToScalarType<T>::value);
  for (int64_t k = 0; k < tensor.numel(); ++k) std::cin >> tensor.data_ptr<T>()[k];
  return tensor;
}

int main(int, char** words) {
  auto model = torch::jit::load(words[1]);
  int64_t atoms, pairs;
  std::cin >> atoms >> pairs;
  auto positions = read<double>({atoms, 3});
  auto numbers = read<int64_t>({atoms});
  auto cell = read<double>({3, 3});
  auto ends = read<int64_t>({2, pairs});
  auto shifts = read<int64_t>({pairs, 3});
  torch::InferenceMode inference;
  auto answer = model.forward({positions, numbers, cell, ends, shifts}).toTuple();
  for (auto& element : answer->elements()) {
    auto numbers_of = element.toTensor().contiguous();
    for (int64_t k = 0; k < numbers_of.numel(); ++k) std::printf("%.17g\n", numbers_of.data_ptr<double>()[k]);
  }
}

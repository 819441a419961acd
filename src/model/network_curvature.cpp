// Second derivatives of the outputs of a network: J'u differentiated along v, forward over reverse
// (B. A. Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994).
//
// With A_l, Z_l, W_l of network_layers.hpp, U (N, Q) the weights, D_l = c phi'(Z_l) and
// S_l = c phi''(Z_l), c the scale of the next layer, back-propagation of J'u is
//
//     E_last = alpha U,   P_l = E_l+1 W_l+1,   E_l = P_l o D_l,   layer l gets E_l' A_l
//
// and a dot, the derivative along v = (V_l, b_l), gives
//
//     Z._l = A_l V_l' + b_l + A._l W_l',   A._l+1 = Z._l o D_l,   A._0 = 0
//     E._last = alpha w   (w = 0 for the curvature alone)
//     E._l = (E._l+1 W_l+1 + E_l+1 V_l+1) o D_l + P_l o S_l o Z._l
//     layer l gets E._l' A_l + E_l' A._l
//
// E_l and P_l o S_l depend on u alone and are kept, so that a product costs 6 matrix products per
// layer where a gradient costs 3.

#include "network_model.hpp"
#include "thalweg/linalg/blas.hpp"

namespace thalweg {

using linalg::Op;

class NetworkLinearization::Curvature final : public OutputCurvature {
 public:
  Curvature(const NetworkLinearization& at, const ConstVectorRef& u);
  void apply(const ConstVectorRef& v, VectorRef jv) override;
  void adjoint(const ConstVectorRef& w, VectorRef product) override;

 private:
  void prepare_block(const ConstVectorRef& u, Index first, Index rows, Matrix& scratch);
  void apply_block(Index first, Index rows, Matrix& scratch, MatrixRef jv);
  void add_adjoint_block(const ConstMatrixMap& w, Index first, Index rows,
                         std::vector<Matrix>& scratch, VectorRef product) const;

  int team(const SampleBlocks& blocks) const {
    return team_size(2 * at_.layers().pass_flops(at_.samples()), blocks.count());
  }
  std::size_t last() const { return at_.layers().last(); }
  const Layer& layer(std::size_t l) const { return at_.layer(l); }
  auto slopes(std::size_t l, Index first, Index rows) const {
    return at_.workspace_->derivatives[l].middleRows(first, rows);
  }
  auto inputs(std::size_t l, Index first, Index rows) const {
    return at_.inputs_of(l).middleRows(first, rows);
  }

  const NetworkLinearization& at_;
  Vector direction_;
  std::vector<Matrix> deltas_;    // E of every layer, (N, out)
  std::vector<Matrix> bends_;     // P o S of the hidden layers, (N, out)
  std::vector<Matrix> tangents_;  // Z. of the hidden layers, (N, out)
};

std::unique_ptr<OutputCurvature> NetworkLinearization::curvature(const ConstVectorRef& u) const {
  return std::make_unique<Curvature>(*this, u);
}

NetworkLinearization::Curvature::Curvature(const NetworkLinearization& at, const ConstVectorRef& u)
    : at_(at) {
  for (std::size_t l = 0; l <= last(); ++l) {
    deltas_.emplace_back(at_.samples(), layer(l).out);
    if (l == last()) break;
    bends_.emplace_back(at_.samples(), layer(l).out);
    tangents_.emplace_back(at_.samples(), layer(l).out);
  }
  const SampleBlocks blocks = at_.bound_->blocks();
#pragma omp parallel num_threads(team(blocks))
  {
    Matrix scratch(blocks.size, at_.layers().widest());
#pragma omp for schedule(static)
    for (Index block = 0; block < blocks.count(); ++block)
      prepare_block(u, blocks.first(block), blocks.rows(block), scratch);
  }
}

void NetworkLinearization::Curvature::prepare_block(const ConstVectorRef& u, Index first,
                                                    Index rows, Matrix& scratch) {
  const ConstMatrixMap weights_of_outputs(u.data(), at_.samples(), layer(last()).out);
  deltas_[last()].middleRows(first, rows) =
      at_.layers().output_scale * weights_of_outputs.middleRows(first, rows);
  for (std::size_t l = last(); l-- > 0;) {
    auto pulled = scratch.topLeftCorner(rows, layer(l).out);
    linalg::gemm(1, Op::none, deltas_[l + 1].middleRows(first, rows), Op::transpose,
                 layer(l + 1).weights(at_.parameters()), 0, pulled);
    deltas_[l].middleRows(first, rows).array() = pulled.array() * slopes(l, first, rows).array();
    auto bend = bends_[l].middleRows(first, rows);
    preactivations(layer(l), at_.parameters(), inputs(l, first, rows), bend);
    for (Index unit = 0; unit < bend.cols(); ++unit) {
      double* z = bend.col(unit).data();
      second_derivative(at_.layers().activation, z, z, rows);
    }
    bend.array() *= layer(l + 1).scale * pulled.array();
  }
}

void NetworkLinearization::Curvature::apply(const ConstVectorRef& v, VectorRef jv) {
  direction_ = v;
  MatrixMap result(jv.data(), at_.samples(), layer(last()).out);
  const SampleBlocks blocks = at_.bound_->blocks();
#pragma omp parallel num_threads(team(blocks))
  {
    Matrix scratch(blocks.size, at_.layers().widest());
#pragma omp for schedule(static)
    for (Index block = 0; block < blocks.count(); ++block)
      apply_block(blocks.first(block), blocks.rows(block), scratch, result);
  }
}

void NetworkLinearization::Curvature::apply_block(Index first, Index rows, Matrix& scratch,
                                                  MatrixRef jv) {
  for (std::size_t l = 0; l <= last(); ++l) {
    auto z = l < last() ? MatrixRef(tangents_[l].middleRows(first, rows))
                        : MatrixRef(jv.middleRows(first, rows));
    preactivations(layer(l), direction_.data(), inputs(l, first, rows), z);
    if (l > 0)
      linalg::gemm(1, Op::none, scratch.topLeftCorner(rows, layer(l).in), Op::none,
                   layer(l).weights(at_.parameters()), 1, z);
    if (l < last())
      scratch.topLeftCorner(rows, layer(l).out).array() =
          z.array() * slopes(l, first, rows).array();
  }
  if (at_.layers().output_scale != 1) jv.middleRows(first, rows) *= at_.layers().output_scale;
}

void NetworkLinearization::Curvature::adjoint(const ConstVectorRef& w, VectorRef product) {
  const ConstMatrixMap weights(w.data(), at_.samples(), layer(last()).out);
  sum_over_blocks(
      at_.bound_->blocks(), at_.layers().widest(), 4 * at_.layers().pass_flops(at_.samples()),
      [&](Index first, Index rows, std::vector<Matrix>& scratch, VectorRef sum) {
        add_adjoint_block(weights, first, rows, scratch, sum);
      },
      product);
}

void NetworkLinearization::Curvature::add_adjoint_block(const ConstMatrixMap& w, Index first,
                                                        Index rows, std::vector<Matrix>& scratch,
                                                        VectorRef product) const {
  scratch[0].topLeftCorner(rows, layer(last()).out) =
      at_.layers().output_scale * w.middleRows(first, rows);
  for (std::size_t l = last();; --l) {
    const auto delta_dot = scratch[0].topLeftCorner(rows, layer(l).out);
    auto gradient = layer(l).weights(product.data());
    linalg::gemm(1, Op::transpose, inputs(l, first, rows).leftCols(layer(l).in), Op::none,
                 delta_dot, 1, gradient);
    layer(l).biases(product.data()) += delta_dot.colwise().sum().transpose();
    if (l == 0) break;
    const auto delta = deltas_[l].middleRows(first, rows);
    const auto tangent = tangents_[l - 1].middleRows(first, rows);
    auto next = scratch[1].topLeftCorner(rows, layer(l).in);
    next.array() = tangent.array() * slopes(l - 1, first, rows).array();
    linalg::gemm(1, Op::transpose, next, Op::none, delta, 1, gradient);
    linalg::gemm(1, Op::none, delta_dot, Op::transpose, layer(l).weights(at_.parameters()), 0,
                 next);
    linalg::gemm(1, Op::none, delta, Op::transpose, layer(l).weights(direction_.data()), 1, next);
    next.array() = next.array() * slopes(l - 1, first, rows).array() +
                   bends_[l - 1].middleRows(first, rows).array() * tangent.array();
    scratch[0].swap(scratch[1]);
  }
}

}  // namespace thalweg

#include "householder_qr.hpp"

#include <Eigen/QR>
#include <utility>
#include <vector>

#include "lapack.hpp"
#include "team.hpp"

namespace thalweg::linalg {
namespace {

#ifdef THALWEG_WITH_OPENBLAS

void factorize(Matrix& a, Vector& tau) {
  const int m = static_cast<int>(a.rows()), n = static_cast<int>(a.cols());
  const int lda = leading_dimension(a), query = -1;
  int info = 0;
  double work_size = 0;
  dgeqrf_(&m, &n, a.data(), &lda, tau.data(), &work_size, &query, &info);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  const int lwork = static_cast<int>(work.size());
  const BlasScope scope;
  dgeqrf_(&m, &n, a.data(), &lda, tau.data(), work.data(), &lwork, &info);
}

#else

void factorize(Matrix& a, Vector& tau) {
  const Eigen::HouseholderQR<Matrix> qr(std::move(a));
  a = qr.matrixQR();
  tau = qr.hCoeffs();
}

#endif

}  // namespace

HouseholderQr::HouseholderQr(Matrix a) : packed_(std::move(a)), tau_(packed_.cols()) {
  factorize(packed_, tau_);
}

Vector HouseholderQr::apply_q(Vector v) const {
  v.applyOnTheLeft(Eigen::householderSequence(packed_, tau_));
  return v;
}

Matrix HouseholderQr::thin_q() const {
  Matrix q = Matrix::Identity(packed_.rows(), packed_.cols());
  q.applyOnTheLeft(Eigen::householderSequence(packed_, tau_));
  return q;
}

}  // namespace thalweg::linalg

// `holdfast reconcile`, the composition root of the comparison of the provider's ledger with the
// reservations: ports opened, differences printed on standard output and, where asked for, mended.
#pragma once

namespace holdfast {

/// 0 no differences, or all mended; 1 it could not run; 2 settings refused; 3 differences left.
int reconcile(int argc, const char* const* argv);

}  // namespace holdfast

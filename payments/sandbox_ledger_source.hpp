// Adapter: the ledger that the sandbox in the process of `holdfast serve` keeps in a folder. It is
// read only, also while a process writes it.
// Threading: as the port says.
#pragma once

#include <filesystem>

#include "payments/ledger_source.hpp"

namespace holdfast::payments {

class sandbox_ledger_source final : public ledger_source {
 public:
  explicit sandbox_ledger_source(std::filesystem::path folder) : folder_(std::move(folder)) {}

  tl::expected<void, std::string> for_each(const std::function<void(const money_movement&)>& each) override;

 private:
  std::filesystem::path folder_;
};

}  // namespace holdfast::payments

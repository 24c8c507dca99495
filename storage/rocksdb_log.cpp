#include "storage/rocksdb_log.hpp"

#include <rocksdb/env.h>

#include <cstdarg>

namespace holdfast::storage {
namespace {

class silent_log final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

std::shared_ptr<rocksdb::Logger> make_silent_log() {
  return std::make_shared<silent_log>();
}

}  // namespace holdfast::storage

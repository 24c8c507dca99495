// Keeps RocksDB from writing a log of its own. By itself it writes a file LOG beside its data, on the
// very disk that it complains of there, and as Debian builds it an assertion ends the process at the
// second line that can't be written. What fails it tells by a status as well, or to a listener.
// Any thread.
#pragma once

#include <memory>

namespace rocksdb {
class Logger;
}

namespace holdfast::storage {

std::shared_ptr<rocksdb::Logger> make_silent_log();

}  // namespace holdfast::storage

#include "storage/journal_damage.hpp"

#include "storage/journal_store.hpp"

namespace holdfast::storage {

tl::expected<std::vector<std::string>, std::string> find_damage(
    const std::string& path, const std::function<void(std::size_t tables, std::size_t of)>& told) {
  try {
    rocksdb_journal_options options;
    options.path = path;
    return journal_store(options, store_access::read_only).damaged_tables(told);
  } catch (const store_damage& damage) {
    return std::vector<std::string>{damage.what()};
  } catch (const store_failure& failure) {
    return tl::unexpected(std::string(failure.what()));
  }
}

}  // namespace holdfast::storage

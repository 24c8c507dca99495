// Looks for damage of a journal on disk, in its log and in all of its tables, also in what nobody reads
// before the next start. It may run beside the journal's owner, and reads every byte of it. Threading: any
// thread; it blocks on the disk.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace holdfast::storage {

/// What is damaged, each in a sentence; or why it can't be looked at. Tells how many tables it has read of
/// how many.
tl::expected<std::vector<std::string>, std::string> find_damage(
    const std::string& path, const std::function<void(std::size_t tables, std::size_t of)>& told);

}  // namespace holdfast::storage

// A journal for a thread of its own that reads and may wait: each call blocks until it is answered, however
// long the store is away, or until the journal was closed (journal.hpp).
// Refers to the journal, which must outlive it. Used by one thread.
#pragma once

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "storage/journal.hpp"

namespace holdfast::storage {

class blocking_journal {
 public:
  explicit blocking_journal(journal& journal) : journal_(journal) {}

  journal_result<std::vector<position>> read_ends() {
    return answer_to<std::vector<position>>([&](auto done) { journal_.read_ends(std::move(done)); });
  }
  journal_result<std::vector<journal_record>> read_shard(shard_id shard, position from, std::uint32_t limit) {
    return answer_to<std::vector<journal_record>>(
        [&](auto done) { journal_.read_shard(shard, from, limit, std::move(done)); });
  }
  journal_result<std::vector<journal_record>> read_entity(entity_id entity) {
    return answer_to<std::vector<journal_record>>(
        [&](auto done) { journal_.read_entity(entity, std::move(done)); });
  }

 private:
  template <class Answer, class Call>
  static journal_result<Answer> answer_to(const Call& call) {
    const auto promise = std::make_shared<std::promise<journal_result<Answer>>>();
    auto answer = promise->get_future();
    call([promise](journal_result<Answer> result) { promise->set_value(std::move(result)); });
    return answer.get();
  }

  journal& journal_;
};

}  // namespace holdfast::storage

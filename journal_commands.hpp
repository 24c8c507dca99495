// The composition root of `holdfast journal verify|backup|restore|export|import`.
#pragma once

namespace holdfast {

struct command;

/// Runs one of journal_commands(); the exit code: 0 done, 1 it failed, 2 settings refused, 3 the journals are
/// not in order, or damaged.
int tend_journal(const command& about, int argc, const char* const* argv);

}  // namespace holdfast

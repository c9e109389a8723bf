#pragma once

#include <filesystem>

#include "log/files.hpp"
#include "log/points.hpp"
#include "protocol/base/result.hpp"

// How cleaned segments take the place of others, safely against a crash at any step:
//
//   1. the outputs are complete and durable under their `.cleaned` names
//   2. the swap list is durable: from here on the swap happens, whatever crashes
//   3. the sources go aside, the outputs get their names
//   4. the folder is synced, then the list goes, then the folder is synced again
//
// A start that finds the list repeats 3, which may have happened in any part, and 4. Without a list
// `.cleaned` files are leftovers.
namespace millrace::log {

/// Step 3 and 4 again, after a crash; no other file may have changed since. `corrupt_file` when an
/// output is neither under its old name nor, in its full size, under its new one.
[[nodiscard]] Result<void> redo_swap(Files& files, const Files::Path& dir, const SwapList& list);
/// Step 4. Before step 3 the same takes the decision back.
[[nodiscard]] Result<void> end_swap(Files& files, const Files::Path& dir);
/// Removes `.cleaned` files.
[[nodiscard]] Result<void> remove_cleaned(Files& files, const Files::Path& dir);

}  // namespace millrace::log

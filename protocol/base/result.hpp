#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace millrace {

/// A value or the reason why there is none. Library errors are values: each folder has one `Errc`
/// with its own category, and `broker/` maps those to wire codes in one place. Exceptions are left
/// to start-up, `bad_alloc` and third parties.
template <class T>
using Result = boost::system::result<T>;

using ErrorInfo = boost::system::error_code;

}  // namespace millrace

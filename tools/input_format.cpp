#include "tools/input_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tools/format_tokens.hpp"
#include "tools/options.hpp"

namespace millrace::tools {
namespace {

using clients::Outcome;

template <class Number>
Outcome<Number> number_in(std::string_view text, std::string_view what) {
  Number number{};
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end)
    return usage_error(fmt::format("'{}' is not a {}", text.substr(0, 40), what));
  return number;
}

Outcome<void> read_headers(std::string_view text, std::vector<protocol::HeaderView>& into) {
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto item = text.substr(0, comma);
    const auto equals = item.find('=');
    if (equals == std::string_view::npos)
      return usage_error(
          fmt::format("'{}' is not a header of the form name=value", item.substr(0, 40)));
    into.push_back({.key = item.substr(0, equals), .value = as_bytes(item.substr(equals + 1))});
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

Outcome<void> set_field(char verb, std::string_view text, InputRecord& into) {
  switch (verb) {
    case 'k':
      into.key = text;
      return {};
    case 'v':
      into.value = text;
      return {};
    case 'h':
      return read_headers(text, into.headers);
    case 'p': {
      const auto number = number_in<std::int32_t>(text, "partition");
      if (!number) return number.error();
      into.partition = PartitionIndex{*number};
      return {};
    }
    default: {
      const auto number = number_in<std::int64_t>(text, "timestamp in milliseconds");
      if (!number) return number.error();
      into.timestamp = Timestamp{*number};
      return {};
    }
  }
}

}  // namespace

Outcome<InputFormat> InputFormat::parse(std::string_view format) {
  const auto tokens = tokenize_format(format, "kvhpTd");
  if (!tokens) return tokens.error();
  InputFormat parsed;
  for (const auto& token : *tokens) {
    if (token.verb != 0) {
      if (!parsed.fields_.empty() && parsed.fields_.back().end.empty())
        return usage_error(
            fmt::format("the format '{}' has two fields side by side: where the "
                        "first ends cannot be told",
                        format));
      parsed.fields_.push_back({.verb = token.verb});
    } else if (parsed.fields_.empty()) {
      parsed.begin_ = token.text;
    } else {
      parsed.fields_.back().end = token.text;
    }
  }
  if (parsed.fields_.empty())
    return usage_error(fmt::format("the format '{}' has no field; the simplest is %v", format));
  if (parsed.fields_.back().end.empty()) parsed.fields_.back().end = "\n";
  return parsed;
}

Outcome<std::optional<std::size_t>> InputFormat::read(std::string_view input, bool all_there_is,
                                                      InputRecord& into) const {
  into.key.reset();
  into.value.reset();
  into.headers.clear();
  into.partition.reset();
  into.timestamp.reset();
  const auto cut_short = [&]() -> Outcome<std::optional<std::size_t>> {
    if (all_there_is) return usage_error("the input ends in the middle of a record");
    return std::nullopt;
  };
  if (input.empty()) return std::nullopt;
  if (!input.starts_with(begin_)) {
    if (input.size() < begin_.size() && begin_.starts_with(input)) return cut_short();
    return usage_error(fmt::format("a record begins with '{}' by the format, and not with '{}'",
                                   begin_, input.substr(0, 40)));
  }
  std::size_t at = begin_.size();
  for (const auto& field : fields_) {
    auto end = input.find(field.end, at);
    auto next = end + field.end.size();
    if (end == std::string_view::npos) {
      const bool last = &field == &fields_.back();
      if (!last || !all_there_is) return cut_short();
      end = next = input.size();
    }
    const auto set = set_field(field.verb, input.substr(at, end - at), into);
    if (!set) return set.error();
    at = next;
  }
  return at;
}

}  // namespace millrace::tools

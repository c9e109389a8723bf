#include "tests/support/testing/refusal.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/messages/all.hpp"
#include "protocol/wire/reader.hpp"
#include "protocol/wire/schema.hpp"

namespace millrace::testing {
namespace {

using protocol::Described;
using protocol::ErrorCode;
using protocol::for_each_field;

/// The struct of an array of structs, or the scalar of another array; `void` of what is no array.
template <class T>
struct ElementOf {
  using Type = void;
};
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};
template <class T>
struct ElementOf<std::optional<std::vector<T>>> {
  using Type = T;
};

template <class T>
const std::vector<T>& elements(const std::vector<T>& from) {
  return from;
}
template <class T>
std::vector<T> elements(const std::optional<std::vector<T>>& from) {
  return from.value_or(std::vector<T>{});
}

/// Whether a struct has a place for an error, itself or in its arrays.
template <Described T>
consteval bool holds_error() {
  bool found = false;
  for_each_field<T>([&](const auto& f) {
    using Type = typename std::decay_t<decltype(f)>::Type;
    using Element = typename ElementOf<Type>::Type;
    if constexpr (std::same_as<Type, ErrorCode>) {
      found = true;
    } else if constexpr (Described<Element>) {
      found = found || holds_error<Element>();
    }
  });
  return found;
}

/// Names under which requests and answers speak of the same thing.
bool same_subject(std::string_view one, std::string_view other) {
  static constexpr std::array<std::string_view, 3> kPartition{"Index", "PartitionIndex",
                                                              "Partition"};
  static constexpr std::array<std::string_view, 3> kTopic{"Name", "TopicName", "Topic"};
  const auto both_in = [&](const auto& names) {
    return std::ranges::find(names, one) != names.end() &&
           std::ranges::find(names, other) != names.end();
  };
  return one == other || both_in(kPartition) || both_in(kTopic);
}

template <class To, class From>
void copy_if_alike(To& to, const From& from) {
  if constexpr (std::same_as<To, From> || std::same_as<To, std::optional<From>>) {
    to = from;
  } else if constexpr (std::same_as<std::optional<To>, From>) {
    if (from) to = *from;
  }
}

/// An answer about a thing that the request names by a value alone: a group by its id. The first
/// place of exactly that type is its name.
template <Described Item, class Value>
void name_it(Item& item, const Value& value) {
  bool named = false;
  for_each_field<Item>([&](const auto& f) {
    using F = std::decay_t<decltype(f)>;
    if constexpr (std::same_as<typename F::Type, Value>) {
      if (!std::exchange(named, true)) item.*F::kMember = value;
    }
  });
}

struct Refusal {
  ErrorCode error;
  std::int16_t version;

  /// Fills `answer` from what `asked` names. False when there is no place for the error.
  template <Described Answer, Described Asked>
  bool fill(Answer& answer, const Asked& asked) const {
    copy_names(answer, asked);
    return fill_items(answer, asked) || fill_whole(answer);
  }

  template <Described Answer, Described Asked>
  void copy_names(Answer& answer, const Asked& asked) const {
    for_each_field<Answer>([&](const auto& to) {
      for_each_field<Asked>([&](const auto& from) {
        using To = std::decay_t<decltype(to)>;
        using From = std::decay_t<decltype(from)>;
        if constexpr (std::is_void_v<typename ElementOf<typename To::Type>::Type>) {
          if (same_subject(to.name, from.name))
            copy_if_alike(answer.*To::kMember, asked.*From::kMember);
        }
      });
    });
  }

  /// Arrays of things that each have an error, against the arrays of the request: the first with
  /// the first, and so on, of those that this version has.
  template <Described Answer, Described Asked>
  bool fill_items(Answer& answer, const Asked& asked) const {
    bool any = false;
    int number = 0;
    for_each_field<Answer>([&](const auto& to) {
      using To = std::decay_t<decltype(to)>;
      using Item = typename ElementOf<typename To::Type>::Type;
      if constexpr (Described<Item>) {
        if constexpr (holds_error<Item>()) {
          if (!to.versions.contains(version)) return;
          std::vector<Item> items;
          int other = 0;
          for_each_field<Asked>([&](const auto& from) {
            using From = std::decay_t<decltype(from)>;
            if constexpr (!std::is_void_v<typename ElementOf<typename From::Type>::Type>) {
              if (from.versions.contains(version) && other++ == number)
                items = items_for<Item>(elements(asked.*From::kMember));
            }
          });
          ++number;
          any = any || !items.empty();
          answer.*To::kMember = std::move(items);
        }
      }
    });
    return any;
  }

  template <Described Item, class Named>
  std::vector<Item> items_for(const std::vector<Named>& named) const {
    std::vector<Item> items;
    for (const auto& each : named) {
      Item item;
      if constexpr (Described<Named>) {
        if (!fill(item, each)) continue;
      } else {
        name_it(item, each);
        if (!fill_whole(item)) continue;
      }
      items.push_back(std::move(item));
    }
    return items;
  }

  template <Described Answer>
  bool fill_whole(Answer& answer) const {
    bool any = false;
    for_each_field<Answer>([&](const auto& f) {
      using F = std::decay_t<decltype(f)>;
      if (!f.versions.contains(version)) return;
      if constexpr (std::same_as<typename F::Type, ErrorCode>) {
        answer.*F::kMember = error;
        any = true;
      }
    });
    return any;
  }
};

std::optional<protocol::RequestHeader> header_of(protocol::Reader& in) {
  auto header = protocol::decode_request_header(in);
  if (!header) return std::nullopt;
  return std::move(*header);
}

}  // namespace

std::optional<protocol::EncodedMessage> refuse(const SharedBytes& frame, ErrorCode error) {
  protocol::Reader in{frame};
  const auto header = header_of(in);
  if (!header) return std::nullopt;
  std::optional<protocol::EncodedMessage> answer;
  protocol::for_each_api([&]<class Api>(Api) {
    using Request = typename Api::Request;
    using Response = typename Api::Response;
    if (Request::kApiKey != header->api_key || !Request::kVersions.contains(header->api_version))
      return;
    const auto request = protocol::MessageCodec<Request>::decode(in, header->api_version);
    if (!request) return;
    Response response;
    const Refusal refusal{error, header->api_version};
    refusal.fill(response, *request);
    answer = protocol::encode_response(header->correlation_id, header->api_version, response);
  });
  return answer;
}

bool wants_answer(const SharedBytes& frame) {
  protocol::Reader in{frame};
  const auto header = header_of(in);
  if (!header || header->api_key != protocol::ApiKey::produce) return true;
  if (!protocol::ProduceRequest::kVersions.contains(header->api_version)) return true;
  const auto request =
      protocol::MessageCodec<protocol::ProduceRequest>::decode(in, header->api_version);
  return !request || request->acks != 0;
}

}  // namespace millrace::testing

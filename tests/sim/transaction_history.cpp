#include "tests/sim/transaction_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "tests/sim/history.hpp"

namespace millrace::sim {
namespace {

using protocol::ErrorCode;
using Told = Ended::Told;

constexpr std::size_t kTellMax = 3;  // violations of one rule
constexpr std::size_t kValueShown = 40;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

std::string shown(const std::string& value) {
  return value.size() <= kValueShown ? value : value.substr(0, kValueShown) + "...";
}

/// Everything that is known of one transaction.
struct Txn {
  std::string name;
  std::string id;
  std::string writer;
  Moment began = 0;
  std::chrono::milliseconds timeout{};
  bool version1 = false;
  std::vector<Moment> wrote;
  std::vector<Moment> offered;
  std::optional<Moment> commit_asked;
  bool abort_asked = false;
  /// Nothing but its commit may have made it count.
  bool may_count = false;
  std::optional<Moment> ended;
  Told told = Told::unknown;
  ErrorCode code = ErrorCode::none;
  std::optional<Offset> place;  // of its first record in committed data, if it counts
};

using GroupLog = std::pair<std::string, std::string>;

class Judge {
 public:
  explicit Judge(const History& history) : events_{history.events()} {}

  std::vector<Violation> judge() {
    for (Moment i = 0; i < events_.size(); ++i) {
      if (const auto* event = std::get_if<TransactionEvent>(&events_[i].what)) collect(i, *event);
    }
    judge_kept();
    judge_fates();
    judge_reads();
    judge_offsets();
    judge_ends();
    return std::move(violations_);
  }

 private:
  struct Takeover {
    Moment begun = 0;
    std::optional<Moment> done;
  };
  struct Sent {
    Txn* txn;
    Moment at;
    std::string log;
    std::optional<Moment> kept;  // in committed data
  };

  template <class What>
  const What& get(Moment i) const {
    return std::get<What>(std::get<TransactionEvent>(events_[i].what));
  }

  void blame(std::string rule, std::string log, std::string text, std::vector<Moment> events) {
    if (++told_[rule] > kTellMax) return;
    std::ranges::sort(events);
    violations_.push_back({std::move(rule), std::move(text), std::move(log), std::move(events)});
  }

  void collect(Moment i, const TransactionEvent& event) {
    std::visit(Overloaded{
                   [&](const TookOver& e) {
                     auto& takeover = takeovers_[e.id][e.writer];
                     if (e.done) {
                       takeover.done = i;
                     } else {
                       takeover.begun = i;
                     }
                   },
                   [&](const Began& e) {
                     auto& txn = txns_[e.txn];
                     txn = {.name = e.txn,
                            .id = e.id,
                            .writer = e.writer,
                            .began = i,
                            .timeout = e.timeout,
                            .version1 = e.version1,
                            .wrote = {},
                            .offered = {},
                            .commit_asked = {},
                            .ended = {},
                            .place = {}};
                   },
                   [&](const Wrote& e) {
                     auto& txn = txns_.at(e.txn);
                     txn.wrote.push_back(i);
                     sent_.try_emplace(e.value, Sent{&txn, i, e.log, {}});
                   },
                   [&](const Offered& e) {
                     auto& txn = txns_.at(e.txn);
                     txn.offered.push_back(i);
                     offers_[{e.group, e.log}].try_emplace(e.offset, &txn);
                   },
                   [&](const Ending& e) {
                     auto& txn = txns_.at(e.txn);
                     txn.abort_asked = !e.commit;
                     if (!e.commit) return;
                     txn.commit_asked = i;
                     txn.may_count = true;
                   },
                   [&](const Ended& e) {
                     auto& txn = txns_.at(e.txn);
                     txn.ended = i;
                     txn.told = e.told;
                     txn.code = e.code;
                     if (e.told == Told::must_abort || e.told == Told::aborted)
                       txn.may_count = false;
                     if (e.code != ErrorCode::none) refusals_.push_back(i);
                   },
                   [&](const CommittedRead&) { reads_.push_back(i); },
                   [&](const OffsetSeen& e) { looks_[{e.group, e.log}].push_back(i); },
                   [&](const StableSeen& e) { ends_[e.log].push_back(i); },
                   [&](const Settled& e) {
                     if (e.stable < e.end) {
                       blame("stuck", e.log,
                             fmt::format("committed data ends at {} and the log at {}, and every "
                                         "transaction's time is over",
                                         e.stable.value, e.end.value),
                             {i});
                     }
                   },
                   [&](const Kept& e) { (e.committed ? committed_ : raw_)[e.log].push_back(i); },
               },
               event);
  }

  // The log in the end ------------------------------------------------------------------------

  void judge_kept() {
    for (const auto& [log, records] : raw_) judge_log(log, records, false);
    for (const auto& [log, records] : committed_) judge_log(log, records, true);
    for (auto& [name, txn] : txns_) {
      if (txn.wrote.empty()) continue;
      const auto& first = sent_.at(get<Wrote>(txn.wrote.front()).value);
      if (first.kept) txn.place = get<Kept>(*first.kept).offset;
    }
  }

  void judge_log(const std::string& log, const std::vector<Moment>& records, bool committed) {
    std::set<std::string> seen;
    std::map<std::string, Moment> newest;  // by writer, the moment of sending
    for (const Moment i : records) {
      const auto& kept = get<Kept>(i);
      const auto found = sent_.find(kept.value);
      if (found == sent_.end() || found->second.log != log) {
        blame("invented", log, fmt::format("nobody sent {} to it", shown(kept.value)), {i});
        continue;
      }
      auto& sent = found->second;
      if (!seen.insert(kept.value).second) {
        blame("duplicated", log, fmt::format("{} is there twice", shown(kept.value)), {sent.at, i});
        continue;
      }
      if (committed) sent.kept = i;
      auto& before = newest[sent.txn->writer];
      if (before > sent.at) {
        blame("reordered", log,
              fmt::format("{} is behind what its writer sent later", shown(kept.value)),
              {sent.at, before, i});
      }
      before = std::max(before, sent.at);
    }
  }

  void judge_fates() {
    for (auto& [name, txn] : txns_) {
      std::vector<Moment> there;
      std::vector<Moment> missing;
      for (const Moment i : txn.wrote) {
        const auto& sent = sent_.at(get<Wrote>(i).value);
        (sent.kept ? there : missing).push_back(sent.kept.value_or(i));
      }
      const auto proof = [&](std::vector<Moment> events) {
        events.push_back(txn.began);
        if (txn.commit_asked) events.push_back(*txn.commit_asked);
        if (txn.ended) events.push_back(*txn.ended);
        return events;
      };
      if (txn.told == Told::committed && !missing.empty()) {
        blame("lost", get<Wrote>(missing.front()).log,
              fmt::format("transaction {} was committed, and {} of its {} records are not there",
                          name, missing.size(), txn.wrote.size()),
              proof({missing.front()}));
      } else if (!txn.may_count && !there.empty()) {
        blame("uncommitted", get<Kept>(there.front()).log,
              fmt::format("{} records of transaction {} count, which was not committed",
                          there.size(), name),
              proof({there.front()}));
      } else if (!there.empty() && !missing.empty()) {
        blame("torn", get<Kept>(there.front()).log,
              fmt::format("of transaction {} {} records count and {} do not", name, there.size(),
                          missing.size()),
              proof({there.front(), missing.front()}));
      }
    }
    for (const Moment i : refusals_) judge_refusal(i, get<Ended>(i));
  }

  /// Errors that only a replaced producer may get, or one whose time was over.
  static bool is_dismissal(const Ended& ended) {
    switch (ended.code) {
      case ErrorCode::producer_fenced:
      case ErrorCode::invalid_producer_epoch:
      case ErrorCode::invalid_txn_state:
      case ErrorCode::invalid_producer_id_mapping:
        return true;
      default:
        return ended.told == Told::dismissed;
    }
  }

  void judge_refusal(Moment i, const Ended& ended) {
    const auto& txn = txns_.at(ended.txn);
    if (!is_dismissal(ended)) return;
    if (events_[i].at - events_[txn.began].at >= txn.timeout) return;
    // As in Kafka, a coordinator that starts anew does not know that it gave the next epoch
    // already.
    if (txn.version1 && txn.abort_asked && ended.told == Told::dismissed) return;
    const auto& takeovers = takeovers_[txn.id];
    const auto own = takeovers.find(txn.writer);
    for (const auto& [writer, takeover] : takeovers) {
      if (writer == txn.writer || takeover.begun > i || own == takeovers.end()) continue;
      if (!takeover.done || *takeover.done > own->second.begun) return;
    }
    const bool counts = txn.place.has_value();
    const bool refused_commit = ended.told == Told::dismissed && txn.commit_asked;
    blame(counts && refused_commit ? "denied" : "disturbed", {},
          fmt::format("transaction {} was answered {} without a cause{}", txn.name,
                      protocol::to_string(ended.code),
                      counts && refused_commit ? ", and was committed" : ""),
          {txn.began, i});
  }

  // What was read -----------------------------------------------------------------------------

  void judge_reads() {
    std::map<std::pair<std::string, std::string>, std::size_t> next;  // log, reader: in the log
    for (const Moment i : reads_) {
      const auto& read = get<CommittedRead>(i);
      const auto found = sent_.find(read.value);
      if (found == sent_.end() || found->second.log != read.log || found->second.at > i) {
        blame("invented", read.log, fmt::format("nobody had sent {} to it", shown(read.value)),
              {i});
        continue;
      }
      const auto& sent = found->second;
      const auto& asked = sent.txn->commit_asked;
      if (!asked || *asked > i || !sent.txn->may_count) {
        blame("uncommitted", read.log,
              fmt::format("{} read {}, of a transaction that was not committed", read.reader,
                          shown(read.value)),
              {sent.at, i});
        continue;
      }
      const auto& log = committed_[read.log];
      if (!sent.kept) {
        blame("vanished", read.log,
              fmt::format("{} was read at offset {} and does not count in the end",
                          shown(read.value), read.offset.value),
              {i});
        continue;
      }
      if (get<Kept>(*sent.kept).offset != read.offset) {
        blame("changed", read.log,
              fmt::format("{} was read at offset {} and is at {}", shown(read.value),
                          read.offset.value, get<Kept>(*sent.kept).offset.value),
              {i, *sent.kept});
      }
      const auto at = static_cast<std::size_t>(std::ranges::find(log, *sent.kept) - log.begin());
      const auto [expected, first] = next.try_emplace({read.log, read.reader}, at);
      if (expected->second != at) {
        blame(
            "skipped", read.log,
            fmt::format("{} got offset {}, which does not follow", read.reader, read.offset.value),
            {i});
      }
      expected->second = at + 1;
    }
  }

  // Offsets -----------------------------------------------------------------------------------

  const Txn* txn_of(const GroupLog& key, const std::optional<Offset>& offset) const {
    const auto offers = offers_.find(key);
    if (!offset || offers == offers_.end()) return nullptr;
    const auto found = offers->second.find(*offset);
    return found == offers->second.end() ? nullptr : found->second;
  }

  /// The newest transaction with an offset for it that counts; `until`: and was told to, by then.
  const Txn* newest(const GroupLog& key, std::optional<Moment> until) const {
    const Txn* best = nullptr;
    const auto offers = offers_.find(key);
    if (offers == offers_.end()) return best;
    for (const auto& [offset, txn] : offers->second) {
      if (!txn->place) continue;
      if (until && (txn->told != Told::committed || !txn->ended || *txn->ended >= *until)) continue;
      if (best == nullptr || *best->place < *txn->place) best = txn;
    }
    return best;
  }

  void judge_offsets() {
    for (const auto& [key, looks] : looks_) {
      for (const Moment i : looks) judge_look(key, i);
    }
  }

  void judge_look(const GroupLog& key, Moment i) {
    const auto& seen = get<OffsetSeen>(i);
    const auto text = seen.offset ? fmt::format("{}", seen.offset->value) : std::string{"none"};
    const auto* const txn = txn_of(key, seen.offset);
    if (seen.offset && txn == nullptr) {
      return blame("invented", key.second,
                   fmt::format("group {} has offset {}, which nobody offered", key.first, text),
                   {i});
    }
    if (txn != nullptr && (!txn->may_count || *txn->commit_asked > i)) {
      return blame("uncommitted", key.second,
                   fmt::format("group {} has offset {} of transaction {}, which was not committed",
                               key.first, text, txn->name),
                   {txn->began, i});
    }
    if (txn != nullptr && !txn->place) {
      return blame("torn", key.second,
                   fmt::format("group {} has offset {} of transaction {}, whose records do not "
                               "count",
                               key.first, text, txn->name),
                   {txn->began, i});
    }
    const auto* const due = seen.last ? newest(key, std::nullopt) : newest(key, seen.began);
    const bool older = due != nullptr && (txn == nullptr || *txn->place < *due->place);
    if (older) {
      blame(due->told == Told::committed ? "forgotten" : "torn", key.second,
            fmt::format("group {} has offset {}, and that of transaction {} counts", key.first,
                        text, due->name),
            {due->began, i});
    }
  }

  void judge_ends() {
    for (const auto& [log, looks] : ends_) {
      for (std::size_t b = 1; b < looks.size(); ++b) {
        const auto& later = get<StableSeen>(looks[b]);
        for (std::size_t a = 0; a < b; ++a) {
          if (looks[a] >= later.began || get<StableSeen>(looks[a]).end <= later.end) continue;
          blame("went back", log,
                fmt::format("committed data was seen to end at {}, and later at {}",
                            get<StableSeen>(looks[a]).end.value, later.end.value),
                {looks[a], looks[b]});
          break;
        }
      }
    }
  }

  const std::vector<Event>& events_;
  std::vector<Violation> violations_;
  std::map<std::string, std::size_t> told_;
  std::map<std::string, Txn> txns_;
  std::map<std::string, std::map<std::string, Takeover>> takeovers_;  // by id and writer
  std::vector<Moment> refusals_;
  std::unordered_map<std::string, Sent> sent_;  // by value
  std::map<GroupLog, std::map<Offset, Txn*>> offers_;
  std::vector<Moment> reads_;
  std::map<GroupLog, std::vector<Moment>> looks_;
  std::map<std::string, std::vector<Moment>> ends_;
  std::map<std::string, std::vector<Moment>> raw_;
  std::map<std::string, std::vector<Moment>> committed_;
};

std::string_view name_of(Told told) {
  static constexpr std::string_view kNames[] = {
      "committed", "aborted", "not committed, to be aborted", "the producer is at its end",
      "nobody waited for it"};
  return kNames[static_cast<std::size_t>(told)];
}

}  // namespace

std::vector<Violation> check_transactions(const History& history) {
  return Judge{history}.judge();
}

std::string to_string(const TransactionEvent& event) {
  const auto or_none = [](const std::optional<Offset>& offset) {
    return offset ? fmt::format("{}", offset->value) : std::string{"none"};
  };
  return std::visit(
      Overloaded{
          [](const TookOver& e) {
            return fmt::format("{} {} {}", e.writer, e.done ? "has taken over" : "takes over",
                               e.id);
          },
          [](const Began& e) { return fmt::format("{} begins", e.txn); },
          [](const Wrote& e) {
            return fmt::format("{}: {} sends {}", e.log, e.txn, shown(e.value));
          },
          [](const Offered& e) {
            return fmt::format("{}: {} offers {} for group {}", e.log, e.txn, e.offset.value,
                               e.group);
          },
          [](const Ending& e) {
            return fmt::format("{} is to {}", e.txn, e.commit ? "commit" : "abort");
          },
          [](const Ended& e) {
            return fmt::format("{}: {} ({})", e.txn, name_of(e.told), protocol::to_string(e.code));
          },
          [](const CommittedRead& e) {
            return fmt::format("{}: {} reads {} at {}, committed", e.log, e.reader, shown(e.value),
                               e.offset.value);
          },
          [&](const OffsetSeen& e) {
            return fmt::format("{}: group {} has {}, asked at event {}", e.log, e.group,
                               or_none(e.offset), e.began);
          },
          [](const StableSeen& e) {
            return fmt::format("{}: committed data ends at {}, asked at event {}", e.log,
                               e.end.value, e.began);
          },
          [](const Settled& e) {
            return fmt::format("{}: in the end, committed data ends at {}, the log at {}", e.log,
                               e.stable.value, e.end.value);
          },
          [](const Kept& e) {
            return fmt::format("{}: in the end, {} is at {}{}", e.log, shown(e.value),
                               e.offset.value, e.committed ? ", committed" : "");
          },
      },
      event);
}

}  // namespace millrace::sim

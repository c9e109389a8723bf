#include "config/check.hpp"

#include <fmt/format.h>

#include "config/broker_config.hpp"
#include "config/unknown_key.hpp"
#include "config/value.hpp"

namespace millrace::config {

namespace {

std::string default_text(const Setting& setting) {
  if (!setting.default_value) {
    std::string names;
    for (const Setting* stand_in : stand_ins(setting))
      names += fmt::format("{}{}", names.empty() ? "" : ", then ", stand_in->name);
    return names.empty() ? "none" : fmt::format("none; {} counts instead", names);
  }
  if (setting.default_value->empty()) return "empty";
  return fmt::format("{}", *setting.default_value);
}

std::string_view change_text(const Setting& setting) {
  // Which broker settings Kafka can change while it runs is in the catalogue; this broker reads its
  // own at the start alone.
  return setting.scope == Scope::broker ? "at the start of the broker" : "any time";
}

/// The topic settings whose default `broker` supplies, or the broker settings behind a topic one.
std::string linked_names(const Setting& setting) {
  std::string names;
  const auto add = [&](std::string_view name) {
    if (!name.empty()) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  };
  if (setting.scope != Scope::broker) {
    for (const std::string_view name : setting.broker_synonyms) add(name);
    return names;
  }
  for (const Setting& topic : topic_settings())
    for (const std::string_view name : topic.broker_synonyms)
      if (name == setting.name) add(topic.name);
  return names;
}

std::string explain_setting(const Setting& setting) {
  const bool of_broker = setting.scope == Scope::broker;
  const std::string_view scope = of_broker                       ? "broker"
                                 : setting.scope == Scope::topic ? "topic"
                                                                 : "group";
  std::string text = fmt::format("{} ({} setting)\n  {}\n", setting.name, scope, setting.doc);
  const auto line = [&](std::string_view label, std::string_view value) {
    text += fmt::format("  {:<9} {}\n", label, value);
  };
  line("type", type_name(setting.type));
  line("takes", allowed_form(setting));
  line("default", default_text(setting));
  line("changes", change_text(setting));
  if (const std::string names = linked_names(setting); !names.empty())
    line(of_broker ? "topics" : "broker",
         fmt::format("{} {}", of_broker ? "default of" : "default from", names));
  line("effect", setting.used() ? "used" : fmt::format("none: {}", setting.effect.reason));
  return text;
}

std::string explain_unknown(std::string_view key) {
  const Problem problem = problem_of_unknown_key({std::string{key}, "", ""});
  std::string hint = problem.hint;
  if (hint.empty() && problem.severity == Severity::error) hint = did_you_mean(Scope::topic, key);
  return fmt::format("{}{}{}\n", problem.message, hint.empty() ? "" : "; ", hint);
}

/// `text` as comment lines of at most 100 characters, broken between words.
std::string as_comment(std::string_view text) {
  constexpr std::size_t kLineCharsMax = 100 - 2;
  std::string lines;
  while (text.size() > kLineCharsMax) {
    const auto blank = text.rfind(' ', kLineCharsMax);
    if (blank == std::string_view::npos) break;
    lines += fmt::format("# {}\n", text.substr(0, blank));
    text.remove_prefix(blank + 1);
  }
  return lines + fmt::format("# {}\n", text);
}

std::string sample_entry(const Setting& setting) {
  std::string takes = fmt::format("Takes {}.", allowed_form(setting));
  if (!setting.default_value) takes += fmt::format(" Default: {}.", default_text(setting));
  return fmt::format("{}{}#{}={}\n\n", as_comment(setting.doc), as_comment(takes), setting.name,
                     setting.default_value.value_or(""));
}

}  // namespace

std::vector<Problem> check_file(std::string text,
                                std::vector<std::pair<std::string, std::string>> environment,
                                std::vector<std::string> sets, std::string file_name) {
  const Inputs inputs{std::move(file_name), std::move(text), std::move(environment),
                      std::move(sets)};
  return BrokerConfig::load(inputs).problems;
}

std::string explain(std::string_view key) {
  const Setting* broker = find_broker_setting(key);
  const Setting* topic = find_topic_setting(key);
  std::string text;
  if (broker != nullptr) text += explain_setting(*broker);
  if (broker != nullptr && topic != nullptr) text += '\n';
  if (topic != nullptr) text += explain_setting(*topic);
  if (const Setting* const group = find_group_setting(key); group != nullptr)
    text += explain_setting(*group);
  return text.empty() ? explain_unknown(key) : text;
}

std::string sample_properties() {
  std::string text =
      "# Settings of a Millrace broker. Every value below is the default, a name without a value "
      "is\n"
      "# not set: uncomment what you change. `millrace config check FILE` reads a file without\n"
      "# starting a broker, and `millrace config explain NAME` tells about one setting, also "
      "about\n"
      "# those of topics. Settings of Kafka that are not in this file are accepted and have no\n"
      "# effect.\n\n";
  for (const Section& section : broker_sections()) {
    std::string entries;
    for (const Setting& setting : section.settings)
      if (setting.used()) entries += sample_entry(setting);
    if (entries.empty()) continue;
    text += fmt::format("### {}\n{}\n{}", section.title, as_comment(section.doc), entries);
  }
  text.pop_back();
  return text;
}

}  // namespace millrace::config

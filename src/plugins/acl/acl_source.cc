#include "plugins/acl/acl_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "plugins/acl/acl_file.h"

namespace vmq::plugins::acl {
namespace {

/// Changes and problems that the log describes one by one.
constexpr std::size_t kMaxLogged = 20;
constexpr Millis kUntilSettled = Seconds(1);

void log_rules(std::string_view what, const std::vector<Rule>& rules) {
    const std::size_t shown = std::min(rules.size(), kMaxLogged);
    for (std::size_t i = 0; i < shown; ++i) log::info("vmq_acl: {}: {}", what, rules[i].text());
    if (shown < rules.size()) log::info("vmq_acl: {}: {} more", what, rules.size() - shown);
}

void log_problems(const std::string& file, const Revision& revision) {
    const std::size_t shown = std::min(revision.problems.size(), kMaxLogged);
    for (std::size_t i = 0; i < shown; ++i) {
        const Problem& problem = revision.problems[i];
        log::warning("vmq_acl: {} line {}{}: {}", file, problem.line,
                     problem.skipped ? " is skipped" : "", problem.reason);
    }
    if (shown < revision.problem_count) {
        log::warning("vmq_acl: {}: {} more lines with problems", file,
                     revision.problem_count - shown);
    }
}

void log_revision(const std::string& file, const Revision& revision) {
    const Changes& changes = revision.changes;
    log::info("vmq_acl: {} has {} rules: {} added, {} removed", file,
              revision.after->rules().size(), changes.added.size(), changes.removed.size());
    log_rules("added", changes.added);
    log_rules("removed", changes.removed);
    log_problems(file, revision);
}

}  // namespace

AclSource::AclSource(Options options, Changed changed)
    : options_(std::move(options)),
      changed_(std::move(changed)),
      rules_(std::make_shared<const AclRules>()),
      file_(options_.file) {}

Result<Revision> AclSource::reload() {
    const auto alone = loading_.enter();
    return load(file_);
}

Result<Revision> AclSource::use_file(const std::string& file) {
    const auto alone = loading_.enter();
    may_be_missing_ = false;  // it is asked for
    auto revision = load(file);
    if (revision) file_ = file;
    return revision;
}

void AclSource::use_until_there(std::string_view text) {
    const auto alone = loading_.enter();
    may_be_missing_ = true;
    install(revision_of(text));
}

std::optional<Millis> AclSource::look(std::int64_t now_ns) {
    const auto alone = loading_.enter();
    if (!watched_.empty() && !transport::any_changed(watched_)) return std::nullopt;
    const auto modified = transport::modified_ns(file_);
    if (modified && now_ns >= *modified && now_ns - *modified < kSettledAfterNs) {
        return kUntilSettled;
    }
    (void)load(file_);
    return std::nullopt;
}

Result<Revision> AclSource::preview(const std::string& path) const {
    transport::TlsLoadNotes notes;
    return read(path, notes);
}

Result<Revision> AclSource::read(const std::string& path, transport::TlsLoadNotes& notes) const {
    auto text = transport::read_file("vmq_acl.acl_file", path, notes);
    if (!text) return text.error();
    return revision_of(text.value().bytes());
}

Revision AclSource::revision_of(std::string_view text) const {
    AclFile file = parse_acl_file(text, {.max_levels = options_.max_levels});
    Revision revision;
    revision.before = rules();
    revision.after = std::make_shared<const AclRules>(std::move(file.rules), options_.rules);
    revision.changes = compare(*revision.before, *revision.after);
    revision.problems = std::move(file.problems);
    revision.problem_count = file.problem_count;
    return revision;
}

Result<Revision> AclSource::load(const std::string& path) {
    transport::TlsLoadNotes notes;
    auto revision = read(path, notes);
    if (!revision) {
        watched_.clear();
        const Error& error = revision.error();
        const bool known = may_be_missing_ && error.code == ErrorCode::NotFound;
        if (!known && error.detail != last_error_) {
            log::error("vmq_acl: {}; the rules stay as they are", error.detail);
        }
        last_error_ = error.detail;
        return revision;
    }
    may_be_missing_ = false;
    watched_ = std::move(notes.files);
    last_error_.clear();
    log_revision(path, revision.value());
    install(revision.value());
    return revision;
}

void AclSource::install(const Revision& revision) {
    rules_.set(revision.after);
    if (changed_ && !revision.changes.empty()) changed_(revision);
}

AclWatcher::AclWatcher(AclSource& source, Millis interval)
    : periodic_(interval, [&source] {
          return source.look(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count());
      }) {}

}  // namespace vmq::plugins::acl

#include "plugins/passwd/password_source.h"

#include <utility>

#include "base/log.h"

namespace vmq::plugins::passwd {

PasswordSource::PasswordSource(std::string path, OnChange on_change)
    : on_change_(std::move(on_change)),
      current_(std::make_shared<const PasswordFile>()),
      path_(std::move(path)) {
    Result<transport::FileText> text = read();
    if (!text) return;
    const bool others_may_read = text.value().others_may_read();
    auto file = std::make_shared<const PasswordFile>(std::move(text).value());
    report(*file, {}, others_may_read);
    current_.set(std::move(file));
    watched_.clear();  // look() decides whether its time is old enough to be relied on
}

Result<transport::FileText> PasswordSource::read() {
    transport::TlsLoadNotes notes;
    Result<transport::FileText> text =
        transport::read_file("vmq_passwd.password_file", path_, notes);
    watched_ = std::move(notes.files);
    if (!text) report_failure(text.error().detail);
    return text;
}

Result<ReloadSummary> PasswordSource::reload() {
    const auto held = one_at_a_time_.enter();
    return reload_now();
}

Result<ReloadSummary> PasswordSource::set_path(std::string path) {
    const auto held = one_at_a_time_.enter();
    path_ = std::move(path);
    return reload_now();
}

Result<PasswordChanges> PasswordSource::preview(const std::string& path) const {
    transport::TlsLoadNotes notes;
    Result<transport::FileText> text = transport::read_file("path", path, notes);
    if (!text) return text.error();
    return PasswordChanges::between(*current_.get(), PasswordFile(std::move(text).value()));
}

Result<ReloadSummary> PasswordSource::reload_now() {
    Result<transport::FileText> text = read();
    if (!text) return text.error();
    watched_.clear();  // as at start
    return replace(std::move(text).value());
}

PasswordSource::Seen PasswordSource::look(std::int64_t now_ns) {
    const auto held = one_at_a_time_.enter();
    if (!watched_.empty() && !transport::any_changed(watched_)) return Seen::Unchanged;
    Result<transport::FileText> text = read();
    if (!text) return Seen::Failed;
    const std::int64_t age_ns = now_ns - watched_.front().stamp.modified_ns;
    if (age_ns >= 0 && age_ns < kSettledAfterNs) {
        watched_.clear();
        return Seen::Unsettled;
    }
    if (failure_.empty() && current_.get()->is_made_of(text.value().bytes()))
        return Seen::Unchanged;
    (void)replace(std::move(text).value());
    return Seen::Reloaded;
}

ReloadSummary PasswordSource::replace(transport::FileText text) {
    const bool others_may_read = text.others_may_read();
    auto file = std::make_shared<const PasswordFile>(std::move(text));
    ReloadSummary summary{file->size(), file->fault_count(),
                          PasswordChanges::between(*current_.get(), *file)};
    report(*file, summary.changes, others_may_read);
    current_.set(std::move(file));
    if (on_change_ && !summary.changes.empty()) on_change_(summary.changes);
    return summary;
}

void PasswordSource::report(const PasswordFile& file, const PasswordChanges& changes,
                            bool others_may_read) {
    failure_.clear();
    log::info("vmq_passwd: {}: users: {} ({} added, {} removed, {} changed)", path_, file.size(),
              changes.added.size(), changes.removed.size(), changes.changed.size());
    for (const PasswordFile::Fault& fault : file.faults())
        log::warning("vmq_passwd: {}, line {}: {}", path_, fault.line, fault.reason);
    if (const std::size_t more = file.fault_count() - file.faults().size(); more != 0)
        log::warning("vmq_passwd: {}: {} more such lines", path_, more);
    if (others_may_read)
        log::warning("vmq_passwd: {}: every user of this machine can read it", path_);
}

void PasswordSource::report_failure(const std::string& why) {
    if (why == failure_) return;
    failure_ = why;
    log::warning("vmq_passwd: {}; users that stay in force: {}", why, current_.get()->size());
}

}  // namespace vmq::plugins::passwd

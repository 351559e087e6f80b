#include "plugins/passwd/password_file.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "plugins/passwd/password_hash.h"
#include "plugins/passwd/password_line.h"

namespace vmq::plugins::passwd {
namespace {

std::string_view without_trailing_blanks(std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

}  // namespace

PasswordFile::PasswordFile(transport::FileText text) : text_(std::move(text)) {
    read_lines();
    drop_replaced();
    std::sort(faults_.begin(), faults_.end(),
              [](const Fault& a, const Fault& b) { return a.line < b.line; });
}

void PasswordFile::read_lines() {
    PasswordLines lines(text_.bytes());
    while (const auto line = lines.next()) {
        if (line->kind == PasswordLine::Kind::Faulty) add_fault(line->number, line->fault);
        if (line->kind != PasswordLine::Kind::Entry) continue;
        const std::string_view hash = without_trailing_blanks(line->rest);
        if (const auto scheme = recognise_hash(hash); !scheme) {
            add_fault(line->number, scheme.error().detail);
        } else {
            entries_.push_back({line->user, hash, line->number});
        }
    }
}

void PasswordFile::drop_replaced() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.user, a.line) < std::tie(b.user, b.line);
    });
    std::vector<std::size_t> replaced;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (i + 1 < entries_.size() && entries_[i + 1].user == entries_[i].user) {
            replaced.push_back(entries_[i].line);
        } else {
            entries_[kept++] = entries_[i];
        }
    }
    entries_.resize(kept);
    entries_.shrink_to_fit();
    std::sort(replaced.begin(), replaced.end());
    for (const std::size_t line : replaced) add_fault(line, "a later line replaces this one");
}

void PasswordFile::add_fault(std::size_t line, std::string_view reason) {
    ++fault_count_;
    if (faults_.size() < kMaxFaultsKept) faults_.push_back({line, std::string(reason)});
}

std::optional<std::string_view> PasswordFile::find(std::string_view user) const {
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), user,
        [](const Entry& entry, std::string_view wanted) { return entry.user < wanted; });
    if (found == entries_.end() || found->user != user) return {};
    return found->hash;
}

PasswordChanges PasswordChanges::between(const PasswordFile& before, const PasswordFile& after) {
    PasswordChanges changes;
    auto old_entry = before.entries_.begin();
    auto new_entry = after.entries_.begin();
    while (old_entry != before.entries_.end() || new_entry != after.entries_.end()) {
        if (new_entry == after.entries_.end() ||
            (old_entry != before.entries_.end() && old_entry->user < new_entry->user)) {
            changes.removed.emplace_back(old_entry++->user);
        } else if (old_entry == before.entries_.end() || new_entry->user < old_entry->user) {
            changes.added.emplace_back(new_entry++->user);
        } else {
            if (old_entry->hash != new_entry->hash) changes.changed.emplace_back(new_entry->user);
            ++old_entry;
            ++new_entry;
        }
    }
    return changes;
}

}  // namespace vmq::plugins::passwd

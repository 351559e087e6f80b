// What a password file says: an immutable table of users, and what was wrong with its lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/tls_files.h"

namespace vmq::plugins::passwd {

/// Users and their hashes. Immutable once made, so any number of threads look into it; shared by
/// all shards through a shared_ptr and freed with the last of them. Its text is wiped then.
///
/// A line is `user:hash`, see PasswordLines for the rest and Scheme for the hashes; blanks behind a
/// hash do not count. Faulty lines are skipped. Of several lines for a user the last good one
/// counts.
class PasswordFile final {
public:
    /// Faults beyond are counted and not kept: somebody may name the wrong file.
    static constexpr std::size_t kMaxFaultsKept = 20;

    struct Fault {
        std::size_t line;
        std::string reason;  // holds nothing of the line
    };

    PasswordFile() : PasswordFile(transport::FileText({}, 0)) {}
    explicit PasswordFile(transport::FileText text);
    PasswordFile(const PasswordFile&) = delete;
    PasswordFile& operator=(const PasswordFile&) = delete;

    /// The hash of a user, which recognise_hash() accepts. Valid as long as this.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view user) const;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool is_made_of(std::string_view text) const noexcept {
        return text_.bytes() == text;
    }

    /// By line, not more than are kept. A line that a later one for the same user replaces is one
    /// as well.
    [[nodiscard]] const std::vector<Fault>& faults() const noexcept { return faults_; }
    [[nodiscard]] std::size_t fault_count() const noexcept { return fault_count_; }

private:
    friend struct PasswordChanges;

    struct Entry {
        std::string_view user;
        std::string_view hash;
        std::size_t line;
    };

    void read_lines();
    void drop_replaced();
    void add_fault(std::size_t line, std::string_view reason);

    const transport::FileText text_;
    std::vector<Entry> entries_;  // by user, each once; views into text_
    std::vector<Fault> faults_;
    std::size_t fault_count_ = 0;
};

/// What is different in the later of two files, each list in the order of bytes.
struct PasswordChanges {
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::vector<std::string> changed;  // another hash, perhaps of the same password

    [[nodiscard]] static PasswordChanges between(const PasswordFile& before,
                                                 const PasswordFile& after);
    [[nodiscard]] bool empty() const noexcept {
        return added.empty() && removed.empty() && changed.empty();
    }
};

}  // namespace vmq::plugins::passwd

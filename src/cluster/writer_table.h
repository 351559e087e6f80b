// The nodes that have ever written facts, as small numbers.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_identity.h"
#include "cluster/stamp.h"

namespace vmq::cluster {

/// A node as long as its disk lives. With a wiped disk it is another writer of the same name: it
/// knows nothing of what it wrote before, and must not be taken for one that does.
struct Writer {
    std::string name;
    Incarnation incarnation;

    auto operator<=>(const Writer&) const noexcept = default;
};

/// Owned by the FactMap, used on its thread. Numbers are dense, from 0, and never reused.
class WriterTable final {
public:
    /// A cluster whose nodes were wiped or renamed this often in all its life is told so.
    static constexpr std::size_t kMostWriters = 4096;

    /// Nothing: there are kMostWriters others.
    [[nodiscard]] std::optional<WriterNumber> intern(std::string_view name,
                                                     const Incarnation& incarnation);
    [[nodiscard]] std::optional<WriterNumber> find(std::string_view name,
                                                   const Incarnation& incarnation) const;

    /// Valid as long as the table. Requires a number of this table.
    [[nodiscard]] const Writer& operator[](WriterNumber number) const noexcept {
        return *names_[static_cast<std::size_t>(number)];
    }
    [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }

    /// Whether `a` is older than `b`, the same on all nodes.
    [[nodiscard]] bool before(const Stamp& a, const Stamp& b) const noexcept {
        if (a.time != b.time) return a.time < b.time;
        return a.writer != b.writer && (*this)[a.writer] < (*this)[b.writer];
    }

private:
    struct Less {
        using is_transparent = void;
        struct View {
            std::string_view name;
            const Incarnation& incarnation;
        };
        [[nodiscard]] static View view(const Writer& writer) noexcept {
            return {writer.name, writer.incarnation};
        }
        [[nodiscard]] static View view(View value) noexcept { return value; }
        template <typename A, typename B>
        bool operator()(const A& left, const B& right) const noexcept {
            const View a = view(left);
            const View b = view(right);
            return a.name != b.name ? a.name < b.name : a.incarnation < b.incarnation;
        }
    };

    std::map<Writer, WriterNumber, Less> numbers_;
    std::vector<const Writer*> names_;  // keys of numbers_
};

}  // namespace vmq::cluster

#include "broker/stored_filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace vmq::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// The facts of a store, as far as they are these.
class Facts {
public:
    void apply(const store::WriteBatch& batch) {
        for (const store::Write& write : batch.writes()) {
            if (const auto* put = std::get_if<store::Boxed<store::PutFact>>(&write)) {
                facts_[(*put)->key] = (*put)->value;
            } else if (const auto* gone = std::get_if<store::Boxed<store::DeleteFact>>(&write)) {
                EXPECT_EQ(facts_.erase((*gone)->key), 1U) << "nothing is deleted for nothing";
            } else if (const auto* all = std::get_if<store::Boxed<store::DeleteFacts>>(&write)) {
                std::erase_if(facts_, [&](const auto& each) {
                    return each.first.starts_with((*all)->prefix);
                });
            }
        }
    }
    StoredFilters::ByNode read() const {
        StoredFilters::StoredFacts all{{"I", "of something else"}};
        all.insert(all.end(), facts_.begin(), facts_.end());
        return StoredFilters::read(all);
    }
    std::vector<std::string> filters(const std::string& node) const {
        std::vector<std::string> found;
        const auto left = read()[node];
        for (const auto& each : left.filters) {
            found.push_back(each.mountpoint + ":" + each.filter);
            if (each.group) {
                found.back() +=
                    " " + std::to_string(each.online) + " " + std::to_string(each.stored);
            }
        }
        return found;
    }

private:
    std::map<std::string, std::string> facts_;
};

class StoredFiltersTest : public ::testing::Test {
protected:
    StoredFiltersTest() { begin(); }
    /// A process.
    void begin() { filters = std::make_unique<StoredFilters>("a 1", facts.read()["a 1"]); }
    void store() { facts.apply(filters->take()); }
    void tell(const std::vector<std::string>& all) {
        filters->begin_all();
        for (const std::string& each : all) filters->set("", each, true);
        filters->end_all();
        store();
    }

    Facts facts;
    std::unique_ptr<StoredFilters> filters;
};

TEST_F(StoredFiltersTest, WhatStoredSessionsWantIsKept) {
    tell({"x/#", "y"});
    filters->set("m", "y", true);
    filters->set("", "clean", false);
    filters->set_group("", "g", "s/+", 1, 2);
    EXPECT_TRUE(filters->has_news());
    store();
    EXPECT_FALSE(filters->has_news());
    EXPECT_THAT(facts.filters("a 1"),
                UnorderedElementsAre(":x/#", ":y", "m:y", ":$share/g/s/+ 1 2"));
    begin();
    filters->set("", "y", false);
    filters->set_group("", "g", "s/+", 0, 0);
    store();
    EXPECT_THAT(facts.filters("a 1"), UnorderedElementsAre(":x/#", "m:y"));
}

TEST_F(StoredFiltersTest, WhatIsToldAnewTakesTheirPlace) {
    tell({"x", "y"});
    begin();
    filters->begin_all();
    filters->set("", "y", true);
    store();
    EXPECT_THAT(facts.filters("a 1"), UnorderedElementsAre(":x", ":y", ":y"));
    begin();  // killed before the end
    filters->begin_all();
    filters->set("", "z", true);
    filters->set("", "z", false);
    filters->set("", "w", true);
    filters->end_all();
    store();
    EXPECT_THAT(facts.filters("a 1"), ElementsAre(":w"));
    tell({"v"});
    EXPECT_THAT(facts.filters("a 1"), ElementsAre(":v"));
}

TEST_F(StoredFiltersTest, ANodeIsForgottenAlone) {
    tell({"x"});
    StoredFilters other("a 12", {});
    other.begin_all();
    other.set("", "o", true);
    other.end_all();
    facts.apply(other.take());
    store::WriteBatch batch;
    StoredFilters::forget("a 1", batch);
    facts.apply(batch);
    EXPECT_THAT(facts.filters("a 1"), IsEmpty());
    EXPECT_THAT(facts.filters("a 12"), ElementsAre(":o"));
}

TEST_F(StoredFiltersTest, WhatCannotBeReadIsLeftOut) {
    const StoredFilters::StoredFacts bad{{"S", ""}, {"S\x05xx", ""}, {"", ""}, {"Snothing", "x"}};
    EXPECT_THAT(StoredFilters::read(bad), IsEmpty());
}

}  // namespace
}  // namespace vmq::broker

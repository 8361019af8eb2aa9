"""The demo's product catalogue: departments, categories, products, stores.

Everything is drawn from the generator it is given, so one seed is one catalogue.
"""
import uuid

# department -> category -> product types
TREE = {
    "Dairy": {"Milk": ["Whole Milk", "Skim Milk", "Oat Drink"],
              "Cheese": ["Gouda", "Cheddar", "Feta"],
              "Yogurt": ["Plain Yogurt", "Fruit Yogurt"]},
    "Bakery": {"Bread": ["Rye Bread", "Sourdough", "Toast"],
               "Pastry": ["Croissant", "Cinnamon Roll"]},
    "Produce": {"Fruit": ["Apples", "Bananas", "Oranges", "Berries"],
                "Vegetables": ["Carrots", "Tomatoes", "Spinach"]},
    "Pantry": {"Pasta & Rice": ["Spaghetti", "Penne", "Basmati Rice"],
               "Canned Food": ["Beans", "Tuna", "Tomato Soup"],
               "Baking": ["Flour", "Sugar", "Yeast"]},
    "Drinks": {"Coffee & Tea": ["Ground Coffee", "Espresso Beans", "Green Tea"],
               "Soft Drinks": ["Cola", "Lemonade", "Sparkling Water"],
               "Juice": ["Orange Juice", "Apple Juice"]},
    "Household": {"Cleaning": ["Dish Soap", "Laundry Powder", "Sponges"],
                  "Paper": ["Kitchen Towels", "Toilet Paper"]},
    "Snacks": {"Chocolate": ["Dark Chocolate", "Milk Chocolate"],
               "Chips & Nuts": ["Potato Chips", "Almonds", "Salted Peanuts"]},
    "Pets": {"Cat": ["Cat Food", "Cat Litter"], "Dog": ["Dog Food", "Dog Treats"]},
}
BRANDS = ["Alder & Sons", "Bluebell", "Corner Farm", "Dalia", "Elm Street", "Fjord", "Golden Gate",
          "Hearth", "Juniper", "Kestrel", "Lakeside", "Morning Star", "Northway", "O'Hara's", "Café Perla"]
SIZES = ["250 g", "500 g", "1 kg", "330 ml", "1 l", "2 l", "6 pack", "family size"]
STORES = ["Corner Shop", "Fresh Mart", "Green Basket", "Harbor Foods", "Hilltop Grocers", "Lucky's",
          "Main Street Market", "Old Mill Co-op", "Pantry Plus", "Riverside Foods", "Sunny Side", "Würth & Töchter"]


class Product:
    __slots__ = ("id", "name", "brand", "category", "category_id", "known")


def new_uuid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Catalogue:
    """products: all that are sold; those with known=False are missing from products.csv."""

    def __init__(self, rng, count):
        self.categories = []  # (id, name, hierarchy root to leaf)
        leaves = []
        for department, inner in TREE.items():
            root = new_uuid(rng)
            self.categories.append((root, department, [root]))
            for category, types in inner.items():
                middle = new_uuid(rng)
                self.categories.append((middle, category, [root, middle]))
                for kind in types:
                    leaf = new_uuid(rng)
                    self.categories.append((leaf, kind, [root, middle, leaf]))
                    leaves.append((leaf, kind))
        self.products = [self._product(rng, leaves) for _ in range(count)]

    @staticmethod
    def _product(rng, leaves):
        p = Product()
        leaf, kind = rng.choice(leaves)
        p.id = new_uuid(rng)
        p.brand = rng.choice(BRANDS) if rng.random() < 0.9 else ""
        p.name = " ".join(x for x in (p.brand, kind, rng.choice(SIZES)) if x)
        p.category = kind if rng.random() < 0.92 else ""
        p.category_id = leaf if p.category and rng.random() < 0.51 else ""
        p.known = rng.random() < 0.97
        return p

// first: second_mistake
int first_mistake = "a";
int second_mistake = "b";
